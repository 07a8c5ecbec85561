/* submission_read: the body of POST /api/waves. What is accepted keeps every promise of the header. */
#include "base/map.h"
#include "base/rand.h"
#include "engine/submission.h"
#include "model/seal.h"
#include "tests/fuzz/fuzz.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void must_be_object(const char *text)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(text, strlen(text), &e);
        must(v && json_type_of(v) == JSON_OBJECT);
        const char *secret = json_str(json_get(v, "mb_secret"));
        must(!secret || seal_is(secret));
        json_free(v);
}

static int by_name(const void *a, const void *b)
{
        const struct submission_project *x = a, *y = b;
        return strcmp(x->name, y->name);
}

static void must_be_projects(struct submission *s)
{
        must(s->count > 0 && s->count <= WAVE_PROJECTS_MAX);
        for (size_t i = 0; i < s->count; i++) {
                const struct submission_project *p = &s->projects[i];
                size_t len = strlen(p->name);
                must(len > 0 && len <= PROJECT_NAME_MAX && utf8_valid(p->name, len));
                must(!p->params || s->has_params);
                must(!p->target || s->has_targets);
                must(p->target >= 0);
                if (p->params)
                        must_be_object(p->params);
        }
        qsort(s->projects, s->count, sizeof(*s->projects), by_name);
        for (size_t i = 1; i < s->count; i++)
                must(strcmp(s->projects[i - 1].name, s->projects[i].name) != 0);
}

static void must_be_wave(const struct submission *s)
{
        must(s->wave_id[0] && s->kind && s->queue[0] && s->name[0]);
        must(strlen(s->name) <= 4 * WAVE_NAME_MAX && utf8_valid(s->name, strlen(s->name)));
        must(s->batch_size >= 1 && s->batch_size <= 10000);
        must(s->priority >= 0 && s->priority <= 9);
        must(s->max_attempts >= 1 && s->timeout_ms >= 0 && s->workspace_id >= 0);
        must_be_object(s->params);
}

static void submit(const char *text, size_t len, const struct config *cfg)
{
        struct arena *a = arena_new(0);
        struct mistakes *m = ARENA_NEW(a, struct mistakes);
        struct submission s;
        struct err e = ERR_INIT;
        m->arena = a;
        autofree char *copy = xmalloc(len + 1);
        memcpy(copy, text, len + 1);
        int rc = submission_read(&s, copy, len, cfg, m, &e);
        memset(copy, 'x', len); /* it is not needed any more */
        if (rc < 0) {
                must_explain(&e);
                must(m->total == 0 || e.code == ERR_WRONG_TYPE || e.code == ERR_INVALID);
        } else {
                must(m->total == 0);
                must_be_wave(&s);
                must_be_projects(&s);
        }
        for (size_t i = 0; i < m->count; i++)
                must(m->list[i].pointer[0] == '#' && m->list[i].detail[0]);
        submission_fini(&s);
        arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct config with_key, without;
        if (!with_key.listen) {
                rand_init();
                fuzz_quiet();
                config_defaults(&with_key);
                config_defaults(&without);
                free(with_key.secret_key);
                with_key.secret_key = xstrdup(KEY);
        }
        struct input in = input_of(data, size);
        autofree char *text = input_rest(&in, NULL);
        submit(text, size, &with_key);
        submit(text, size, &without);
        return 0;
}
