/* cmd.c - see cmd.h. */
#include "broker/cmd.h"

#include <stdarg.h>
#include <string.h>

#include "base/decimal.h"
#include "base/mem.h"

enum { CMD_MAX_BYTES = 4 << 20 };

void cmd_init(struct cmd *c)
{
        buf_init(&c->body, CMD_MAX_BYTES);
        c->argc = 0;
}

void cmd_fini(struct cmd *c)
{
        buf_fini(&c->body);
}

void cmd_mem(struct cmd *c, const void *data, size_t len)
{
        buf_addc(&c->body, '$');
        buf_addi(&c->body, (long long)len);
        buf_add(&c->body, "\r\n", 2);
        buf_add(&c->body, data, len);
        buf_add(&c->body, "\r\n", 2);
        c->argc++;
}

void cmd_str(struct cmd *c, const char *s)
{
        cmd_mem(c, s, strlen(s));
}

void cmd_int(struct cmd *c, int64_t n)
{
        char digits[DECIMAL_SIZE], *end = digits + sizeof(digits);
        char *at = decimal_before(end, n);
        cmd_mem(c, at, (size_t)(end - at));
}

void cmd_key(struct cmd *c, struct key k)
{
        cmd_str(c, k.s);
}

void cmd_words(struct cmd *c, ...)
{
        va_list ap;
        va_start(ap, c);
        for (const char *word; (word = va_arg(ap, const char *));)
                cmd_str(c, word);
        va_end(ap);
}
