/* A job to a runner and an outcome back, while memory runs out: what arrives is whole, or nothing does. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/scarce/scarce.h"
#include "worker/channel.h"
#include "worker/inbox.h"
#include "worker/parcel.h"

enum { PARAMS_BYTES = 60000, TURNS_MAX = 200 };

static char params[PARAMS_BYTES + 1];

struct pipe {
        struct loop *l;
        struct channel *c;
        int far; /* the runner's end */
        unsigned messages;
        size_t line_bytes;
        char wrong[ERR_TEXT_MAX];
        bool ended;
};

static void on_message(const struct message *m, void *arg)
{
        struct pipe *p = arg;
        ck_assert_int_eq(m->type, MESSAGE_LOG);
        ck_assert_uint_eq(m->u.log.line.len, PARAMS_BYTES);
        ck_assert_mem_eq(m->u.log.line.data, params, PARAMS_BYTES);
        p->messages++;
}

static void on_end(const char *wrong, void *arg)
{
        struct pipe *p = arg;
        p->ended = true;
        snprintf(p->wrong, sizeof(p->wrong), "%s", wrong ? wrong : "");
}

static void open_pipe(struct pipe *p, struct loop *l)
{
        int ends[2];
        struct channel_events events = {.on_message = on_message, .on_end = on_end, .arg = p};
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        *p = (struct pipe){.l = l, .far = ends[1]};
        ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        p->c = channel_new(l, &(struct pipe_ends){ends[0], dup(ends[0])}, &events);
}

static void close_pipe(struct pipe *p)
{
        channel_free(p->c);
        close(p->far);
}

/* ---- down ---- */

static bool read_job(struct pipe *p)
{
        struct inbox in;
        struct message m;
        struct err e = ERR_INIT;
        int there = 0;
        inbox_init(&in, p->far);
        while (there == 0) {
                loop_turn(p->l, 0); /* the rest of what did not fit into the socket */
                if (inbox_fill(&in, &e) < 0)
                        break;
                there = inbox_take(&in, &m, &e);
        }
        if (there > 0)
                ck_assert_str_eq(m.u.job.params, params);
        else
                must_be_scarce(&e);
        inbox_fini(&in);
        return there <= 0;
}

static bool job_down(bool well, void *arg)
{
        struct pipe p;
        struct err e = ERR_INIT;
        struct job job = {.id = 7, .attempt = 1, .wave_id = "w", .kind = "noop", .project = "p"};
        (void)well;
        job.params = params;
        open_pipe(&p, arg);
        struct parcel *parcel = parcel_pack(&job, &e);
        bool refused = !parcel || channel_post(p.c, parcel->frame, parcel->len, true, &e) < 0;
        parcel_free(parcel);
        if (refused && e.code == ERR_UNAVAILABLE)
                must_be_scarce(&e);
        else if (refused)
                ck_assert_int_eq(e.code,
                                 ERR_LOST); /* half of it could not be kept: it is given up */
        else
                refused = read_job(&p);
        close_pipe(&p);
        return refused;
}

/* ---- up ---- */

static bool line_up(bool well, void *arg)
{
        struct pipe p;
        struct message_log m = {"out", {params, PARAMS_BYTES}};
        static struct buf frame = {.max = MESSAGE_MAX_BYTES};
        (void)well;
        if (message_encode(&frame, MESSAGE_LOG, &m) < 0) {
                ck_assert(frame.starved);
                return true;
        }
        open_pipe(&p, arg);
        /* in two halves, so that the beginning of a message is to be kept */
        size_t half = frame.len / 2;
        ck_assert_int_eq(send(p.far, frame.data, half, 0), (ssize_t)half);
        loop_turn(p.l, 0);
        if (!p.ended)
                ck_assert_int_eq(send(p.far, frame.data + half, frame.len - half, 0),
                                 (ssize_t)(frame.len - half));
        for (int i = 0; i < TURNS_MAX && !p.ended && p.messages == 0; i++)
                loop_turn(p.l, 1);
        ck_assert(p.ended != (p.messages == 1));
        if (p.ended)
                ck_assert_ptr_nonnull(strstr(p.wrong, "memory"));
        close_pipe(&p);
        buf_fini(&frame);
        return p.ended;
}

START_TEST(jobs_and_lines)
{
        struct loop *l = loop_new();
        memset(params, 'p', PARAMS_BYTES);
        scarce(job_down, l, 2);
        scarce(line_up, l, 2);
        loop_free(l);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("scarce pipe");
        TCase *t = tcase_create("pipe");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, jobs_and_lines);
        suite_add_tcase(s, t);
        return scarce_main(s);
}
