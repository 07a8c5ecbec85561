/*
 * term.h - the terminal, if there is one: how wide it is, whether it shows colours and UTF-8; and asking
 * the person at it.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct term {
        bool tty;    /* standard output is a terminal that can move its cursor */
        bool colour; /* and shows colours */
        bool utf8;   /* our own signs may be others than ASCII */
        bool safe;   /* standard output is a terminal: nothing of the data may steer it */
};

/* Sets the locale for characters, too. */
void term_init(struct term *t, bool no_colour);
/* Columns of COLUMNS or of the terminal, now; 0: there is no limit. */
size_t term_width(void);
/* Lines of the terminal; 24 where that cannot be known. */
size_t term_height(void);

enum colour {
        COLOUR_NONE,
        COLOUR_RED,
        COLOUR_GREEN,
        COLOUR_YELLOW,
        COLOUR_BLUE,
        COLOUR_GREY,
        COLOUR_BOLD
};
/* The sequence that switches it on; "" where there are no colours. term_plain() switches it off. */
const char *term_colour(const struct term *t, enum colour c);
const char *term_plain(const struct term *t);

/* Whether there is somebody to be asked. */
bool term_can_ask(void);
/*
 * Writes the question and reads a line, without its end; hidden: what is typed is not shown. -1: there is
 * no terminal, or it was closed.
 */
int term_ask(const char *question, bool hidden, struct buf *answer, struct err *e);

#endif
