/*
 * look.h - the answer of the statement look, row by row: what a row is now, and so how its delivery ends.
 */
#ifndef ENGINE_LOOK_H
#define ENGINE_LOOK_H

#include "broker/broker.h"
#include "store/pg.h"

/* Returns whether the row's wave is known and `facts` was filled; *over: that wave is over. */
bool look_read(const struct pg_result *r, int row, struct delivery *d, struct wave_facts *facts,
               bool *over);

#endif
