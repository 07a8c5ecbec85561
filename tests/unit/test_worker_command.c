/*
 * test_worker_command.c - the kind `command` (and what body.c does for all kinds): a body in a process of
 * its own, as a runner is, and this one listening at its pipe.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "worker/kinds/body.h"

enum { LINES_KEPT = 4096 };

static struct config cfg;

struct ran {
        enum outcome_kind kind;
        enum error_class class;
        char *error, *result;
        bool leftovers;
        int64_t dropped;
        size_t count;            /* of lines */
        char *lines[LINES_KEPT]; /* "out: text" */
        int64_t took_ms;
        int status;
};

static void become_runner(int pipe, const struct job *job)
{
        struct body b;
        struct outcome out = {.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};
        setpgid(0, 0);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body_handle_signals();
        body_init(&b, &(struct pipe_ends){pipe, pipe}, &cfg);
        body_begin(&b, job);
        kind_find(job->kind)->start(&b, job, &out);
        body_end(&b, &out, body_has_leftovers(&b));
        body_fini(&b);
        _exit(0);
}

static void note(struct ran *r, const struct message *m)
{
        if (m->type == MESSAGE_LOG && r->count < LINES_KEPT) {
                r->lines[r->count] = xasprintf("%s: %s", m->u.log.stream, m->u.log.line.data);
                r->count++;
        } else if (m->type == MESSAGE_OUTCOME) {
                const struct outcome *o = &m->u.outcome.outcome;
                r->kind = o->kind;
                r->class = o->class;
                r->error = xstrdup(o->error ? o->error : "");
                r->result = xstrdup(o->result ? o->result : "");
                r->leftovers = m->u.outcome.leftovers;
                r->dropped = m->u.outcome.lines_dropped;
        }
}

static void listen_until_the_end(int pipe, struct ran *r)
{
        struct buf in = BUF_INIT(2UL * MESSAGE_MAX_BYTES);
        ssize_t n;
        while ((n = recv(pipe, buf_reserve(&in, 65536), 65536, 0)) > 0) {
                in.len += (size_t)n;
                long size;
                while ((size = message_size(in.data, in.len, NULL)) > 0 && (size_t)size <= in.len) {
                        struct message m;
                        struct err e = ERR_INIT;
                        ck_assert_msg(message_decode(in.data, (size_t)size, MESSAGE_UP, &m, &e) == 0,
                                      "%s", e.text);
                        note(r, &m);
                        buf_consume(&in, (size_t)size);
                }
                ck_assert_int_ge(size, 0);
        }
        buf_fini(&in);
}

/* The group that the body leaves is killed, as the supervisor would. */
static struct ran *run_job(const struct job *job)
{
        struct ran *r = xcalloc(1, sizeof(*r));
        int ends[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        int64_t begun = clock_mono_ms();
        pid_t pid = fork();
        if (pid == 0) {
                close(ends[0]);
                become_runner(ends[1], job);
        }
        close(ends[1]);
        listen_until_the_end(ends[0], r);
        r->took_ms = clock_mono_ms() - begun;
        kill(-pid, SIGKILL);
        waitpid(pid, &r->status, 0);
        close(ends[0]);
        return r;
}

static struct job job_of(const char *params)
{
        return (struct job){.id = 42,
                            .wave_no = 1,
                            .attempt = 2,
                            .max_attempts = 5,
                            .wave_id = "1700000000_000000000001",
                            .wave_name = "a wave",
                            .kind = "command",
                            .project = "one two",
                            .params = params,
                            .project_params =
                                    "{\"colour\":\"dark red\",\"n\":5,\"evil\":\"{project}\"}",
                            .traceparent = "00-1-2-01"};
}

static struct ran *run(const char *params)
{
        struct job job = job_of(params);
        return run_job(&job);
}

/* A shell script as params; it may hold no quotes of its own. */
static struct ran *run_script(const char *script, const char *more)
{
        autofree char *params =
                xasprintf("{\"argv\":[\"/bin/sh\",\"-c\",\"%s\",\"sh\",\"{project}\"]%s}", script,
                          more ? more : "");
        return run(params);
}

static bool has_line(const struct ran *r, const char *line)
{
        for (size_t i = 0; i < r->count; i++) {
                if (strcmp(r->lines[i], line) == 0)
                        return true;
        }
        return false;
}

static void drop(struct ran *r)
{
        for (size_t i = 0; i < r->count; i++)
                free(r->lines[i]);
        free(r->error);
        free(r->result);
        free(r);
}

static void set_up(void)
{
        config_defaults(&cfg);
        free(cfg.command_allow);
        cfg.command_allow =
                xstrdup("/bin/sh, /bin/echo,/usr/bin/env ,/bin/cat,/opt/none/such,/bin/pwd,"
                        "/proc/self/mem,/etc/passwd");
        cfg.worker_kill_grace_ms = 300;
}

static void tear_down(void)
{
        config_fini(&cfg);
}

#define ck_outcome(r, kind_, class_)                                                               \
        ck_assert_msg((r)->kind == (kind_) && (r)->class == (class_), "%d %d: %s", (r)->kind,      \
                      (r)->class, (r)->error)
#define ck_contains(text, part)                                                                    \
        ck_assert_msg(strstr(text, part), "\"%s\" is not in: %s", part, text)
#define ck_line(r, line)                                                                           \
        ck_assert_msg(has_line(r, line), "no line \"%s\" but (first of %zu) %s", line, (r)->count, \
                      (r)->count ? (r)->lines[0] : "")

/* ---- arguments ---- */

START_TEST(arguments_are_filled_alone_and_once)
{
        struct ran *r =
                run("{\"argv\":[\"/bin/sh\",\"-c\",\"for a; do echo \\\"[$a]\\\"; done\",\"sh\","
                    "\"{project}\",\"x-{project}-y\",\"{attempt}\",\"{params.colour}\","
                    "\"{params.n}\",\"{{project}\",\"{params.evil}\",\"{params.region}\","
                    "\"{wave_id}/{migration_id}\",\"$(id);`id`|id\",\"\"],\"region\":\"eu\"}");
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        static const char *const lines[] = {"out: [one two]",
                                            "out: [x-one two-y]",
                                            "out: [2]",
                                            "out: [dark red]",
                                            "out: [5]",
                                            "out: [{project}]",
                                            "out: [eu]",
                                            "out: [1700000000_000000000001/42]",
                                            "out: [$(id);`id`|id]",
                                            "out: []"};
        for (size_t i = 0; i < COUNT_OF(lines); i++)
                ck_line(r, lines[i]);
        ck_assert_uint_eq(r->count, 11);
        drop(r);
}
END_TEST

START_TEST(a_param_that_is_missing_is_wrong_data)
{
        struct ran *r = run("{\"argv\":[\"/bin/echo\",\"{params.missing}\"]}");
        ck_outcome(r, OUTCOME_FAILED, CLASS_DATA);
        ck_contains(r->error, "{params.missing}");
        drop(r);
}
END_TEST

START_TEST(only_allowed_programs)
{
        static const char *const refused[] = {"/bin/rm", "/bin/../bin/rm", "/bin/sh/",
                                              "/bin/.",  "/nowhere/sh",    "/bin//rm"};
        for (size_t i = 0; i < COUNT_OF(refused); i++) {
                autofree char *params = xasprintf("{\"argv\":[\"%s\"]}", refused[i]);
                struct ran *r = run(params);
                ck_outcome(r, OUTCOME_FAILED, CLASS_CRITICAL);
                ck_contains(r->error, refused[i]);
                drop(r);
        }
        /* the same file under another path of its folder, and a name that is not there */
        struct ran *r = run("{\"argv\":[\"/usr/bin/../bin/sh\",\"-c\",\"exit 0\"]}");
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        drop(r);
}
END_TEST

START_TEST(another_name_of_an_allowed_file_is_not_allowed)
{
        char dir[] = "/tmp/wavefleet-allow-XXXXXX", path[64], params[128];
        ck_assert_ptr_nonnull(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/other", dir);
        ck_assert_int_eq(symlink("/bin/sh", path), 0);
        snprintf(params, sizeof(params), "{\"argv\":[\"%s\"]}", path);
        struct ran *r = run(params);
        ck_outcome(r, OUTCOME_FAILED, CLASS_CRITICAL);
        unlink(path);
        rmdir(dir);
        drop(r);
}
END_TEST

START_TEST(nothing_is_allowed_by_default)
{
        cfg.command_allow[0] = '\0';
        struct ran *r = run("{\"argv\":[\"/bin/echo\"]}");
        ck_outcome(r, OUTCOME_FAILED, CLASS_CRITICAL);
        ck_contains(r->error, "command.allow");
        drop(r);
}
END_TEST

START_TEST(what_cannot_be_run)
{
        struct ran *r = run("{\"argv\":[\"/etc/passwd\"]}");
        ck_outcome(r, OUTCOME_FAILED, CLASS_CRITICAL);
        ck_contains(r->error, "/etc/passwd");
        drop(r);
        r = run("{\"argv\":[\"/bin/pwd\"],\"cwd\":\"/nowhere\"}");
        ck_outcome(r, OUTCOME_FAILED, CLASS_CRITICAL);
        ck_contains(r->error, "/nowhere");
        drop(r);
        r = run("{\"argv\":[\"/bin/pwd\"],\"cwd\":\"/nowhere/{project}\"}");
        ck_outcome(r, OUTCOME_FAILED, CLASS_DATA);
        ck_contains(r->error, "/nowhere/one two");
        drop(r);
}
END_TEST

/* ---- environment ---- */

START_TEST(environment)
{
        setenv("WAVEFLEET_SECRET_KEY", "0123456789abcdef", 1);
        struct ran *r = run("{\"argv\":[\"/usr/bin/env\"],\"env\":{\"TENANT\":\"the "
                            "{project}\",\"LANG\":\"xx\"},"
                            "\"cwd\":\"/usr\"}");
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        static const char *const lines[] = {
                "out: TENANT=the one two",
                "out: LANG=xx",
                "out: WAVEFLEET_PROJECT=one two",
                "out: WAVEFLEET_ATTEMPT=2",
                "out: WAVEFLEET_MIGRATION_ID=42",
                "out: WAVEFLEET_WAVE_NAME=a wave",
                "out: TRACEPARENT=00-1-2-01",
                "out: WAVEFLEET_IDEMPOTENCY_KEY=1700000000_000000000001-42"};
        for (size_t i = 0; i < COUNT_OF(lines); i++)
                ck_line(r, lines[i]);
        ck_assert_uint_eq(r->count, 11); /* and PATH, HOME, WAVEFLEET_WAVE_ID */
        drop(r);
}
END_TEST

START_TEST(nothing_is_inherited)
{
        int leak = open("/dev/null", O_RDONLY);
        ck_assert_int_ge(leak, 0);
        struct ran *r = run_script("n=0; while [ $n -lt 64 ]; do [ ! -e /proc/$$/fd/$n ] || printf "
                                   "'%s ' $n; n=$((n + 1)); done; echo; pwd",
                                   NULL);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_line(r, "out: 0 1 2 ");
        ck_line(r, "out: /");
        drop(r);
        r = run("{\"argv\":[\"/bin/cat\",\"/proc/self/status\"]}");
        ck_line(r, "out: SigBlk:\t0000000000000000");
        ck_line(r, "out: SigIgn:\t0000000000000000");
        close(leak);
        drop(r);
}
END_TEST

START_TEST(standard_input)
{
        struct ran *r = run("{\"argv\":[\"/bin/cat\"],\"stdin\":\"line {project}\\näö\"}");
        ck_line(r, "out: line {project}");
        ck_line(r, "out: äö");
        drop(r);
        r = run("{\"argv\":[\"/bin/cat\"]}");
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_assert_uint_eq(r->count, 0);
        drop(r);
}
END_TEST

/* ---- ends ---- */

static const struct {
        const char *script;
        const char *more;
        enum outcome_kind kind;
        enum error_class class;
        const char *error;
} ends[] = {
        {"exit 0", NULL, OUTCOME_COMPLETED, CLASS_NONE, ""},
        {"echo later >&2; exit 75", NULL, OUTCOME_FAILED, CLASS_TEMPORARY,
         "exited with status 75: later"},
        {"exit 65", NULL, OUTCOME_FAILED, CLASS_DATA, "exited with status 65"},
        {"exit 64", NULL, OUTCOME_FAILED, CLASS_DATA, "status 64"},
        {"exit 69", NULL, OUTCOME_FAILED, CLASS_TEMPORARY, "status 69"},
        {"exit 78", NULL, OUTCOME_FAILED, CLASS_CRITICAL, "status 78"},
        {"exit 127", NULL, OUTCOME_FAILED, CLASS_CRITICAL, "status 127"},
        {"exit 3", NULL, OUTCOME_FAILED, CLASS_TEMPORARY, "exited with status 3"},
        {"kill -SEGV $$", NULL, OUTCOME_FAILED, CLASS_CRASHED, "killed by signal 11 (SEGV)"},
        {"exit 3", ",\"exit_codes\":{\"3\":\"completed\"}", OUTCOME_COMPLETED, CLASS_NONE, ""},
        {"exit 75", ",\"exit_codes\":{\"75\":\"data\"}", OUTCOME_FAILED, CLASS_DATA, "status 75"},
        {"exit 0", ",\"exit_codes\":{\"0\":\"critical\"}", OUTCOME_FAILED, CLASS_CRITICAL,
         "status 0"},
        {"echo first >&2; echo; echo '  the last  ' >&2; echo >&2; exit 9", NULL, OUTCOME_FAILED,
         CLASS_TEMPORARY, "exited with status 9: the last"},
};

START_TEST(exit_status)
{
        struct ran *r = run_script(ends[_i].script, ends[_i].more);
        ck_outcome(r, ends[_i].kind, ends[_i].class);
        ck_contains(r->error, ends[_i].error);
        ck_assert(!r->leftovers);
        drop(r);
}
END_TEST

START_TEST(its_own_time_out)
{
        struct ran *r = run_script("trap '' TERM; echo begun; sleep 60; sleep 60",
                                   ",\"timeout_seconds\":1");
        ck_outcome(r, OUTCOME_FAILED, CLASS_TIMED_OUT);
        ck_contains(r->error, "ran longer than 1 s");
        ck_line(r, "out: begun");
        ck_assert_int_lt(r->took_ms, 10000);
        drop(r);
        r = run_script("trap 'echo bye; exit 0' TERM; sleep 60 & wait", ",\"timeout_seconds\":1");
        ck_outcome(r, OUTCOME_FAILED, CLASS_TIMED_OUT);
        ck_line(r, "out: bye");
        drop(r);
}
END_TEST

START_TEST(a_descendant_that_keeps_the_output_open)
{
        struct ran *r = run_script("sleep 300 & echo done", NULL);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_line(r, "out: done");
        ck_assert(r->leftovers);
        ck_assert_int_lt(r->took_ms, 10000);
        drop(r);
        r = run_script("sleep 300 >/dev/null 2>&1 </dev/null & echo done", NULL);
        ck_assert(r->leftovers);
        ck_assert_int_lt(r->took_ms, 400);
        drop(r);
        r = run_script("true & wait; (true &); echo done", NULL);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        drop(r);
}
END_TEST

/* ---- output ---- */

static const struct {
        const char *script, *more, *result;
} results[] = {
        {"echo working; echo '{\\\"not\\\":\\\"last\\\"}'; echo '{\\\"rows\\\": 12, "
         "\\\"имя\\\":\\\"да\\\"}'",
         NULL, "{\"rows\": 12, \"имя\":\"да\"}"},
        {"printf '{\\\"a\\\":1}'", NULL, "{\"a\":1}"},
        {"printf '{\\\"a\\\":1}\\r\\n\\n  \\n'", NULL, "{\"a\":1}"},
        {"echo '{\\\"a\\\":1}'; echo '{\\\"b\\\":2}' >&2", NULL, "{\"a\":1}"},
        {"echo '{\\\"a\\\":1}'; echo done", NULL, ""},
        {"echo '{broken'", NULL, ""},
        {"echo '[1, 2]'", NULL, ""},
        {"echo '{\\\"a\\\":1}'", ",\"result\":{\"format\":\"none\"}", ""},
};

START_TEST(last_line_as_result)
{
        struct ran *r = run_script(results[_i].script, results[_i].more);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_assert_str_eq(r->result, results[_i].result);
        drop(r);
}
END_TEST

START_TEST(a_long_result)
{
        struct ran *r =
                run_script("printf '{\\\"a\\\":\\\"'; head -c 900000 /dev/zero | tr '\\\\0' x; "
                           "printf '\\\"}'",
                           NULL);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_assert_uint_eq(strlen(r->result), 900000 + 8);
        ck_assert_uint_eq(r->count, 1);
        ck_assert_uint_eq(strlen(r->lines[0]), 8192 + 5);
        drop(r);
        r = run_script("printf '{\\\"a\\\":\\\"'; head -c 1900000 /dev/zero | tr '\\\\0' x; printf "
                       "'\\\"}'",
                       NULL);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_assert_str_eq(r->result, "");
        drop(r);
}
END_TEST

/* Blanks that come alone must not decide how much of the line is held. */
START_TEST(a_long_result_behind_blanks)
{
        struct ran *r = run_script("x=$(head -c 50000 /dev/zero | tr '\\\\0' x); printf '  '; "
                                   "sleep 0.1; printf '{\\\"a\\\":\\\"%s\\\"}' $x",
                                   NULL);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_assert_uint_eq(strlen(r->result), 50000 + 8);
        drop(r);
        r = run_script("head -c 9000 /dev/zero | tr '\\\\0' ' '; sleep 0.1; echo '{\\\"a\\\":1}'",
                       NULL);
        ck_assert_str_eq(r->result, "{\"a\":1}");
        drop(r);
}
END_TEST

START_TEST(lines)
{
        struct ran *r = run_script("printf 'a\\\\r\\\\n\\\\nb'; sleep 0.1; printf 'c\\\\nno end'; "
                                   "echo to err >&2",
                                   NULL);
        ck_line(r, "out: a");
        ck_line(r, "out: ");
        ck_line(r, "out: bc");
        ck_line(r, "out: no end");
        ck_line(r, "err: to err");
        ck_assert_uint_eq(r->count, 5);
        drop(r);
}
END_TEST

START_TEST(output_that_is_no_text)
{
        struct ran *r = run_script("printf '\\\\377\\\\000\\\\001x\\\\n'; head -c 300000 /dev/zero "
                                   "| tr '\\\\0' y; echo; "
                                   "echo after; printf '\\\\303' >&2; exit 1",
                                   NULL);
        ck_line(r, "out: \xEF\xBF\xBD\xEF\xBF\xBD\001x");
        ck_line(r, "out: after");
        ck_assert_uint_eq(strlen(r->lines[1]), 8192 + 5);
        ck_contains(r->error, "status 1: ?");
        drop(r);
}
END_TEST

START_TEST(lines_past_the_limit_are_dropped)
{
        cfg.worker_log_lines = 100;
        struct ran *r = run_script("seq 1 20000; echo '{\\\"last\\\":true}'", NULL);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_assert_uint_eq(r->count, 101);
        ck_assert_str_eq(r->lines[99], "out: 100");
        ck_contains(r->lines[100], "dropped");
        ck_assert_int_eq(r->dropped, 20001 - 100);
        ck_assert_str_eq(r->result, "{\"last\":true}");
        drop(r);
}
END_TEST

START_TEST(many_lines_in_their_order)
{
        struct ran *r = run_script("seq 1 4000", NULL);
        ck_assert_uint_eq(r->count, 4000);
        for (int i = 0; i < 4000; i++) {
                char line[32];
                snprintf(line, sizeof(line), "out: %d", i + 1);
                ck_assert_str_eq(r->lines[i], line);
        }
        drop(r);
}
END_TEST

/* ---- SIGTERM, as the supervisor sends it ---- */

/* Sends SIGTERM to the body's group as soon as it has written a line. */
static struct ran *run_and_term(const char *params)
{
        struct job job = job_of(params);
        int ends_[2], status;
        struct ran *r = xcalloc(1, sizeof(*r));
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
        pid_t pid = fork();
        if (pid == 0)
                become_runner(ends_[1], &job);
        close(ends_[1]);
        char c;
        ck_assert_int_eq(recv(ends_[0], &c, 1, MSG_PEEK), 1);
        kill(-pid, SIGTERM);
        listen_until_the_end(ends_[0], r);
        waitpid(pid, &status, 0);
        r->status = status;
        close(ends_[0]);
        return r;
}

START_TEST(a_body_with_a_program_outlives_sigterm)
{
        struct ran *r = run_and_term(
                "{\"argv\":[\"/bin/sh\",\"-c\",\"trap 'echo bye; exit 0' TERM; echo on; "
                "sleep 60 & wait\"]}");
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_line(r, "out: bye");
        ck_assert(WIFEXITED(r->status));
        drop(r);
}
END_TEST

START_TEST(a_body_without_one_does_not)
{
        struct job job = job_of("{\"sleep_ms\":60000,\"log_lines\":1}");
        job.kind = "noop";
        job.project_params = NULL;
        int ends_[2], status;
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
        pid_t pid = fork();
        if (pid == 0)
                become_runner(ends_[1], &job);
        close(ends_[1]);
        char c;
        ck_assert_int_eq(recv(ends_[0], &c, 1, MSG_PEEK), 1);
        kill(-pid, SIGTERM);
        waitpid(pid, &status, 0);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        close(ends_[0]);
}
END_TEST

/* ---- noop ---- */

START_TEST(noop)
{
        struct job job = job_of(
                "{\"log_lines\":2,\"result\":{\"a\":1},\"fail\":{\"times\":2,\"class\":\"data\"}}");
        job.kind = "noop";
        job.project_params = "{\"result\":{\"b\":2}}";
        struct ran *r = run_job(&job);
        ck_outcome(r, OUTCOME_FAILED, CLASS_DATA);
        ck_line(r, "log: line 2 of 2");
        drop(r);
        job.attempt = 3;
        r = run_job(&job);
        ck_outcome(r, OUTCOME_COMPLETED, CLASS_NONE);
        ck_assert_str_eq(r->result, "{\"b\":2}");
        drop(r);
        job.attempt = 1;
        job.project_params = "{\"fail\":{\"class\":\"crashed\"}}";
        r = run_job(&job);
        ck_assert(WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGKILL);
        drop(r);
}
END_TEST

#define LOOP(t, test, table) tcase_add_loop_test(t, test, 0, (int)COUNT_OF(table))

int main(void)
{
        Suite *s = suite_create("worker_command");
        TCase *t = tcase_create("all");
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_set_timeout(t, 30);
        tcase_add_test(t, arguments_are_filled_alone_and_once);
        tcase_add_test(t, a_param_that_is_missing_is_wrong_data);
        tcase_add_test(t, only_allowed_programs);
        tcase_add_test(t, another_name_of_an_allowed_file_is_not_allowed);
        tcase_add_test(t, nothing_is_allowed_by_default);
        tcase_add_test(t, what_cannot_be_run);
        tcase_add_test(t, environment);
        tcase_add_test(t, nothing_is_inherited);
        tcase_add_test(t, standard_input);
        LOOP(t, exit_status, ends);
        tcase_add_test(t, its_own_time_out);
        tcase_add_test(t, a_descendant_that_keeps_the_output_open);
        LOOP(t, last_line_as_result, results);
        tcase_add_test(t, a_long_result);
        tcase_add_test(t, a_long_result_behind_blanks);
        tcase_add_test(t, lines);
        tcase_add_test(t, output_that_is_no_text);
        tcase_add_test(t, lines_past_the_limit_are_dropped);
        tcase_add_test(t, many_lines_in_their_order);
        tcase_add_test(t, a_body_with_a_program_outlives_sigterm);
        tcase_add_test(t, a_body_without_one_does_not);
        tcase_add_test(t, noop);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
