/*
 * api.h - calls to wavefleet's API: the envelope of its answers, its problem documents as errors.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include "base/json.h"
#include "cli/cli.h"

struct answer {
        struct reply reply;
        struct json *json;       /* the whole; NULL where it is none */
        const struct json *data; /* of the envelope */
};
void answer_fini(struct answer *a);
#define autoanswer __attribute__((__cleanup__(answer_fini))) struct answer

/*
 * 0: a success, a holds it. -1: e has the API's sentence and the code of its kind; c->problem what else
 * it said.
 */
int api_call(struct cli *c, const struct call *q, struct answer *a, struct err *e);
int api_get(struct cli *c, const char *path, struct answer *a, struct err *e);
/* body: JSON, or NULL for {}. */
int api_post(struct cli *c, const char *path, const char *body, struct answer *a, struct err *e);
/* "data" of the answer, byte for byte as it came. */
void api_raw(const struct answer *a, const char **data, size_t *len);
/* Prints "data" as it came, on a line: for --output json. */
void api_print_raw(const struct cli *c, const struct answer *a);
/* JSON for standard output; on a terminal without characters that would steer it. */
void api_print_json(const struct cli *c, const char *json, size_t len);

/* Member "progress.total" of v, or NULL. */
const struct json *json_at(const struct json *v, const char *path);
int64_t json_int_at(const struct json *v, const char *path);     /* 0: none */
const char *json_str_at(const struct json *v, const char *path); /* "": none */

/* "/api/waves/" and the id, "last" being the newest wave, then `rest`. */
int api_wave_path(struct cli *c, const char *wave, const char *rest, struct buf *out, struct err *e);
/* The id, asked for where it is "last". */
int api_wave_id(struct cli *c, const char *wave, struct buf *out, struct err *e);

#endif
