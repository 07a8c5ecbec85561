/* test_broker_lives.c - all operations of the broker together, at random, without a reconciler. */
#include "broker_rig.h"

enum { LIFE_WAVES = 6, LIFE_EACH = 150, LIFE_TAKE = 12 };
enum life { LIFE_PENDING, LIFE_PARKED, LIFE_RETRYING, LIFE_DONE };
static enum life life[LIFE_WAVES][LIFE_EACH]; /* what PostgreSQL would say */
static struct wave_facts life_facts[LIFE_WAVES];
static unsigned life_left;

static struct delivery life_delivery(int64_t id, enum delivery_end end)
{
        return (struct delivery){
                .id = id, .wave_no = id / 1000, .end = end, .due_in_ms = rand_below(3)};
}

/* A body ran, or was refused. */
static struct delivery live(int64_t id)
{
        enum life *state = &life[id / 1000][id % 1000];
        if (*state == LIFE_DONE)
                return life_delivery(id, END_SETTLED);
        if (life_facts[id / 1000].paused && *state != LIFE_PARKED)
                return life_delivery(id, END_PENDING);
        switch (rand_below(6)) {
        case 0:
                *state = LIFE_RETRYING;
                return life_delivery(id, END_RETRYING);
        case 1:
                *state = LIFE_PARKED;
                return life_delivery(id, END_PARKED);
        case 2:
                if (*state == LIFE_PARKED)
                        return life_delivery(id, END_PARKED);
                *state = LIFE_PENDING;
                return life_delivery(id, END_PENDING);
        default:
                *state = LIFE_DONE;
                life_left--;
                return life_delivery(id, END_SETTLED);
        }
}

/* Asks for what follows those of d[n] that give up their slots, now and then; appends it. Returns how many. */
static size_t follow_some(struct delivery *d, size_t n)
{
        struct delivery ended[LIFE_TAKE];
        size_t count = 0;
        for (size_t i = 0; i < n && rand_below(2) == 0; i++)
                if (d[i].end == END_SETTLED || d[i].end == END_RETRYING)
                        ended[count++] = d[i];
        if (count == 0)
                return 0;
        if (rand_below(2))
                follow(ended, count, count);
        else
                follow_passing(ended, count, count);
        for (size_t i = 0; i < rig.n; i++)
                d[n + i].id = rig.ids[i];
        return rig.n;
}

static void promote_the_due(void)
{
        static const enum delivery_end ends[] = {END_PENDING, END_PARKED, END_RETRYING, END_SETTLED};
        struct promotion p[50];
        OK(broker_due(rig.b, 50, rig_due, NULL));
        size_t n = rig.n;
        for (size_t i = 0; i < n; i++) {
                int64_t id = rig.due[i].id;
                p[i] = (struct promotion){.entry = rig.due[i],
                                          .d = life_delivery(id, ends[life[id / 1000][id % 1000]])};
                p[i].d.due_in_ms = rand_below(4) == 0 ? 1 : 0;
        }
        OK(broker_promote(rig.b, p, n, life_facts, LIFE_WAVES, "out", PER_S, rig_done, NULL));
}

static void somebody_acts(bool calm)
{
        struct wave_facts *f = &life_facts[rand_below(LIFE_WAVES)];
        f->version++;
        f->paused = !calm && rand_below(3) == 0;
        f->batch_size = 1 + (int32_t)rand_below(20);
        f->priority = (int32_t)rand_below(3);
        OK(broker_facts(rig.b, f, rig_done, NULL));
}

START_TEST(random_lives_all_end)
{
        static const char *const queues[] = {"q", "r"};
        life_left = LIFE_WAVES * LIFE_EACH;
        memset(life, 0, sizeof(life));
        for (int i = 0; i < LIFE_WAVES; i++) {
                life_facts[i] = wave(i, 1 + 3 * i);
                snprintf(life_facts[i].queue, sizeof(life_facts[i].queue), "%s", queues[i % 2]);
                submit(&life_facts[i], 1000 * i, 1000 * i + LIFE_EACH - 1);
        }
        struct delivery d[2 * LIFE_TAKE];
        size_t n = 0;
        for (unsigned round = 0; life_left > 0; round++) {
                ck_assert_msg(round < 20000, "%u never ended", life_left);
                size_t more = follow_some(d, n);
                struct broker_take take = {.queues = queues,
                                           .nq = 2,
                                           .want = rand_below(LIFE_TAKE - (uint32_t)more + 1),
                                           .share = rand_below(4)};
                take.least = rand_below((uint32_t)take.want + 1);
                OK(broker_finish(rig.b, 7, d, n, life_facts, LIFE_WAVES, &take, rig_ids, NULL));
                for (size_t i = 0; i < more; i++)
                        d[i] = live(d[n + i].id);
                for (size_t i = 0; i < rig.n; i++)
                        d[more + i] = live(rig.ids[i]);
                n = more + rig.n;
                promote_the_due();
                if (rand_below(20) == 0 || round > 2000)
                        somebody_acts(round > 2000);
        }
        OK(broker_finish(rig.b, 7, d, n, life_facts, LIFE_WAVES, NULL, rig_ids, NULL));
        for (int i = 0; i < LIFE_WAVES; i++)
                ck_assert_int_eq(
                        rig_int("EXISTS wavefleet:wave:%d:window wavefleet:wave:%d:backlog", i, i),
                        0);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:queue:q wavefleet:queue:r wavefleet:demand:q "
                                 "wavefleet:demand:r wavefleet:processing:7"),
                         0);
        rig_turn_for(5);
        promote_the_due();
        rig_turn_for(5);
        promote_the_due();
        ck_assert_int_eq(rig_int("EXISTS wavefleet:delayed"), 0);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {random_lives_all_end};
        return rig_main("broker lives", tests, COUNT_OF(tests));
}
