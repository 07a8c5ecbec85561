/*
 * hashing.h - passwords looked at beside the loop, a few at a time.
 *
 * One takes 70 ms of a core and 64 MiB, so that two are done at once, and those that follow stand in a short
 * line: what bounds it bounds how many logins a second there can be, whatever comes from outside. Who wants
 * one takes a place first, before anything else is done for him; where there is none he is told to come again.
 */
#ifndef API_PEOPLE_HASHING_H
#define API_PEOPLE_HASHING_H

#include "base/loop.h"
#include "model/password.h"

enum { HASHING_AT_ONCE = 2, HASHING_PLACES = 32 };

struct hashing;
struct hashing *hashing_new(struct loop *l);
/* Those who wait are told PASSWORD_STARVED. */
void hashing_free(struct hashing *h);

/* False: all places are taken. */
bool hashing_enter(struct hashing *h);
void hashing_leave(struct hashing *h);

typedef void (*hashing_fn)(enum password_verdict verdict, void *arg);
/* Copies both texts; hash may be NULL (password_verify). Wants a place; fn is never called from inside. */
void hashing_verify(struct hashing *h, const char *hash, const char *password, hashing_fn fn,
                    void *arg);

#endif
