/*
 * cmd.h - a command for Redis, put together argument by argument in the wire's own form (RESP arrays
 * of bulk strings, https://redis.io/docs/reference/protocol-spec).
 */
#ifndef BROKER_CMD_H
#define BROKER_CMD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "broker/keys.h"

struct cmd {
        struct buf body; /* the arguments; the array's head is written when the command is sent */
        unsigned argc;
};

void cmd_init(struct cmd *c);
void cmd_fini(struct cmd *c);
void cmd_mem(struct cmd *c, const void *data, size_t len);
void cmd_str(struct cmd *c, const char *s);
void cmd_int(struct cmd *c, int64_t n);
void cmd_key(struct cmd *c, struct key k);
/* Each of the words, up to a NULL. */
void cmd_words(struct cmd *c, ...) __attribute__((sentinel));

#endif
