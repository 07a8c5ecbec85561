"""Scenarios of the fault points in workers and their runners (see points.py)."""

import signal
import time

from gate import DOWN, Gate
from invariants import snapshot
from points import names, passes
from stack import moved_to, server_address
from wavefleet import wait_until


# ---- a worker dies in the middle of a wave, another one goes on ----

@passes("pop_taken", "claim_sent", "claim_committed", "claim_handed_out", "job_given", "outcome_read",
        "lines_sent", "lines_committed", "settle_sent", "settle_committed", "settle_to_judge_known", "judge_sent",
        "judge_committed", "finish_sent", "finish_told", "end_told", "close_sent", "beat_sent", "beat_committed",
        "pass_counts_read", "pass_waves_compared", "pass_lists_read", "pass_workers_read", "pass_delayed_read",
        "pass_delayed_put", "pass_done")
def in_a_wave(x):
    with x.nobody_leads("judge" in x.point):
        victim = x.victim(nth=2 if x.point.startswith(("beat", "pass")) else 1)
        wave = x.submit(params={"sleep_ms": 60, "log_lines": 2})
        x.dies(victim)
    x.worker()
    x.ends(wave)
    assert x.sql.value("SELECT count(*) FROM migrations WHERE spent > 1") == 0, "a worker that dies spends no attempt"


@passes("ids_taken", "follow_sent")
def ids_come_with_an_end(x):
    """The window is as wide as there are runners: the queue is empty, and each end releases another id."""
    victim = x.victim(3)
    wave = x.submit(24, batch_size=3, params={"sleep_ms": 60})
    x.dies(victim)
    x.worker()
    x.ends(wave)


def narrow(x):
    """In a window of fewer than are worth a promise each settlement is begun while Redis is asked for what follows."""
    return 20 if x.point == "settle_begun" else 40


@passes("follow_sent", "settle_begun", "slots_promised", "slots_promised_ahead", variant="of brief bodies")
def slots_pass_from_hand_to_hand(x):
    """Many at once, to ids that are in the list of the dead with those that have ended and are not settled."""
    victim = x.victim(4, nth=30)
    wave = x.submit(6000, batch_size=narrow(x))
    x.dies(victim)
    x.worker()
    x.ends(wave)


@passes("settle_more_sent")
def bodies_that_end_together(x):
    """Others end while Redis is asked for what follows the first: two settlements and the claims in one transaction."""
    victim = x.victim(10)
    wave = x.submit(200, batch_size=10, params={"sleep_ms": 60})
    x.dies(victim)
    x.worker(10)
    x.ends(wave)


@passes("promise_broken")
def some_of_brief_bodies_last(x):
    """Their wave is known to be of brief ones; one in a thousand takes longer."""
    victim = x.victim(4)
    projects = [{"project": name, "params": {"sleep_ms": 30} if n % 1000 == 500 else {}} for n, name in enumerate(names(8000))]
    wave = x.submit(projects, batch_size=80)
    x.dies(victim)
    x.worker()
    x.ends(wave)


@passes("settle_unjudged")
def with_short_bodies(x):
    """Batch follows upon batch: whether the wave is over is asked a moment later."""
    victim = x.victim(2)
    wave = x.submit(1000)
    x.dies(victim)
    x.worker()
    x.ends(wave)


@passes("claim_sent", "claim_committed", "note_sent", "note_committed", "settle_sent", "settle_committed", "beat_committed",
        variant="of many brief bodies")
def some_of_many_last(x):
    """What is claimed at once has one row of `claims`; four of it last, and get rows of their own a second later."""
    projects = names(400)
    wave = x.submit(projects, batch_size=400)
    x.sql.execute("""UPDATE migrations SET params = '{"sleep_ms": 2500}' WHERE project = ANY (%s)""", projects[300:304])
    claims = x.point in ("claim_sent", "claim_committed", "settle_sent", "settle_committed")
    victim = x.victim(4, nth=6 if claims else 1)
    x.dies(victim)
    x.worker(4)
    x.ends(wave)
    wait_until(lambda: x.sql.value("SELECT count(*) FROM claims") == 0, 20, "no claim is left behind")


@passes("pop_taken", "claim_sent", "outcome_read", "settle_sent", "settle_committed", "finish_sent", variant="with others around")
def beside_another(x):
    """The other worker takes part all the time, and the window is full."""
    x.worker(3)
    victim = x.victim(3)
    x.fleet.wait_worker(victim)
    wave = passed_in_a_wave(x, victim, 40, batch_size=6, params={"sleep_ms": 60})
    x.dies(victim)
    x.ends(wave)


def passed_in_a_wave(x, victim, projects, **fields):
    """One wave after the other, until the victim, which is not alone, passes the point in one; that one."""
    def look():
        wave = x.submit(projects, **fields)
        over = lambda: x.passing(victim) or snapshot(x.sql, wave)["state"] == "completed"
        wait_until(over, 20, f"{x.point} or the end of a wave")
        return x.passing(victim) and wave
    return wait_until(look, 20, f"{x.point} in a wave")


def leading(x, victim):
    leads = lambda: [e for e in x.fleet.log_events("reconciler.leading") if e["pid"] == victim.pid]
    wait_until(leads, 20, "the victim leading")


@passes("register_sent", "register_committed", "leader_chosen", "pass_waves_read")
def at_its_start(x):
    wave = x.submit(8)
    x.dies(x.victim())
    x.worker()
    x.ends(wave)


# ---- a runner dies; its worker goes on ----

@passes("runner_job_read", "runner_begun", "runner_done", "runner_said")
def in_a_runner(x):
    worker = x.victim(2, WAVEFLEET_WORKER_LEASE_MS=15000)
    wave = x.submit(8, batch_size=4, params={"sleep_ms": 30})
    x.child_dies(worker, "runner.died")
    x.ends(wave)
    expected = {"runner_job_read": ["handed_back"], "runner_said": []}.get(x.point, ["crashed"])
    classes = x.sql.rows("""SELECT coalesce(a.class::text, a.outcome::text) AS how FROM attempts a
        JOIN migrations m ON m.id = a.migration_id WHERE m.wave_no = %s AND a.outcome <> 'completed'""", x.wave_no(wave))
    assert [c["how"] for c in classes] == expected, classes


# ---- ids that are not claimed here ----

@passes("ids_given_back", "look_answered")
def more_ids_than_runners(x):
    """Two queues, one runner: each has popped an id for it."""
    env = {"WAVEFLEET_WORKER_QUEUES": "left,right"}
    victim = x.victim(1, **env)
    waves = [x.submit(12, queue=q, params={"sleep_ms": 300}) for q in ("left", "right")]
    x.dies(victim)
    x.worker(8, **env)
    x.ends(waves[0], alone=False)
    x.ends(waves[1])


@passes("list_taken_up")
def an_unknown_id_in_the_list(x):
    """As if the answer to a pop had been lost."""
    victim = x.victim(1)
    x.fleet.wait_worker(victim)
    wave = x.submit(6, params={"sleep_ms": 2500, "result": {}}, batch_size=6)
    x.running(wave, 1)
    mine = f"wavefleet:processing:{x.fleet.worker_id(victim)}"
    wait_until(lambda: x.redis.lmove("wavefleet:queue:default", mine, "LEFT", "RIGHT"), 5, "an id lined up")
    x.dies(victim)
    x.worker(6)
    x.ends(wave)


@passes("stray_row_found")
def a_claim_whose_answer_is_lost(x):
    gate = Gate(server_address(x.fleet.place.database_url, 5432))
    try:
        victim = x.victim(1, WAVEFLEET_DATABASE_URL=moved_to(x.fleet.place.database_url, gate.port),
                          WAVEFLEET_WORKER_LEASE_MS=15000)
        for _ in range(2):
            x.ends(x.submit(1))     # from here on its statements are prepared, those of a wide wave, too
        gate.lose(DOWN)
        wave = x.submit(4, batch_size=4)
        x.running(wave, 1)
        gate.cut()
        gate.mend()
        x.dies(victim)
        x.worker()
        x.ends(wave)
    finally:
        gate.close()


@passes("repair_read", "repair_added", "repair_looked_again", "repair_freed")
def a_window_that_redis_has_lost(x):
    """Redis releases more than there is room for: a claim is refused for a full window."""
    victim = x.victim(6, WAVEFLEET_RECONCILER_INTERVAL_MS=600000)
    projects = [{"mb_project_uuid": n, "params": {"sleep_ms": 500 + 400 * i}} for i, n in enumerate(names(9))]
    wave = x.submit(projects, batch_size=3)
    x.running(wave, 3)
    x.redis.delete(x.key(wave, ":window"))
    x.dies(victim)
    x.worker(6)
    x.ends(wave)


@passes("release_left_early")
def a_long_release(x):
    """Sixty runners want a hundred and twenty ids; a script moves a hundred."""
    x.worker(60)
    want = lambda: x.redis.get("wavefleet:target:default") == "120"
    wait_until(want, 10, "the target of the queue")
    x.armed_api()
    wave = x.submit(400, batch_size=400, params={"sleep_ms": 50})
    x.dies(x.fleet.api)
    x.fleet.start_api()
    x.ends(wave)


# ---- retries and polls ----

RETRIED = {"fail": {"times": 1, "class": "temporary"}, "sleep_ms": 20}


@passes("promote_due_read", "promote_looked", "promote_sent")
def retries_are_due(x):
    victim = x.victim()
    wave = x.submit(12, params=RETRIED)
    x.dies(victim)
    x.worker()
    x.ends(wave)


@passes("settle_committed", "finish_sent", variant="of retries")
def retries_are_settled(x):
    victim = x.victim(1)
    wave = x.submit(6, params=RETRIED)
    x.dies(victim)
    x.worker()
    x.ends(wave)


# ---- a worker goes ----

@passes("drain_begun", "leave_sent", "leave_committed")
def at_its_end(x):
    victim = x.victim(2)
    x.fleet.wait_worker(victim)
    wave = x.submit(12, params={"sleep_ms": 1000})
    x.running(wave, 2)
    victim.signal(signal.SIGTERM)
    x.dies(victim)
    x.worker()
    x.ends(wave)


@passes("hand_back_begun")
@passes("settle_committed", "finish_sent", variant="of what is handed back")
def while_it_hands_back(x):
    victim = x.victim(2, WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS=100)
    x.fleet.wait_worker(victim)
    wave = x.submit(6, params={"sleep_ms": 2000})
    x.running(wave, 2)
    victim.signal(signal.SIGTERM)
    x.dies(victim)
    x.worker(6)
    x.ends(wave)


@passes("dead_known", "dead_bodies_gone")
def one_that_was_given_up(x):
    """It stood still for longer than its lease."""
    victim = x.victim(2)
    x.fleet.wait_worker(victim)
    wave = x.submit(16, params={"sleep_ms": 500})
    x.running(wave, 2)
    former = x.fleet.worker_id(victim)
    x.worker()
    victim.signal(signal.SIGSTOP)
    dead = lambda: not x.sql.value("SELECT alive FROM workers WHERE worker_id = %s", former)
    wait_until(dead, 20, "the worker that stands still given up")
    victim.signal(signal.SIGCONT)
    x.dies(victim)
    x.ends(wave)


# ---- somebody reaps ----

def a_dead_worker(x, concurrency, **params):
    """Killed with its runners full."""
    worker = x.worker(concurrency)
    wave = x.submit(concurrency + 4, batch_size=concurrency, params=params)
    x.running(wave, concurrency)
    worker.kill()
    x.fleet.forget(worker)
    return wave


@passes("reap_sent", "reap_committed", "reap_to_judge_known", "reap_list_read")
def while_it_reaps(x):
    wave = a_dead_worker(x, 4, sleep_ms=3000)
    x.dies(x.victim())
    x.worker(8)
    x.ends(wave)


@passes("finish_sent", "finish_told", "look_answered", variant="while it reaps")
def while_it_tells_of_the_reaped(x):
    wave = a_dead_worker(x, 4, sleep_ms=3000)
    x.dies(x.victim(1))
    x.worker(8)
    x.ends(wave)


@passes("finish_piece")
def more_than_a_script_takes(x):
    wave = a_dead_worker(x, 280, sleep_ms=3000)
    x.dies(x.victim(1, WAVEFLEET_WORKER_QUEUES="another"))
    x.worker(100)
    x.ends(wave)


# ---- Redis is put right ----

@passes("rebuild_lists_read", "rebuild_pending_read", "rebuild_pushed", "rebuild_inflight_read", "rebuild_added",
        "rebuild_looked_again", "rebuild_freed", "rebuild_opened")
def after_a_flush(x):
    victim = x.victim(WAVEFLEET_RECONCILER_INTERVAL_MS=300)
    wave = x.submit(40, params={"sleep_ms": 400})
    wait_until(lambda: not victim.alive or snapshot(x.sql, wave)["completed"] >= 4, 20, "some completed")
    x.redis.flushdb()
    x.dies(victim)
    x.worker()
    x.ends(wave)


TO_FAIL = """SELECT count(*) FROM migrations m JOIN waves w USING (wave_no)
    WHERE w.wave_id = %s AND m.state IN ('pending', 'running')"""


@passes("pass_due_missing")
def after_a_flush_with_retries(x):
    day = {"WAVEFLEET_RETRY_BASE_MS": 86400000, "WAVEFLEET_RETRY_CAP_MS": 86400000}
    victim = x.victim(WAVEFLEET_RECONCILER_INTERVAL_MS=300, **day)
    wave = x.submit(12, batch_size=12, params=RETRIED)
    wait_until(lambda: not victim.alive or x.redis.zcard("wavefleet:delayed") >= 3, 15, "retries waiting")
    x.redis.flushdb()
    x.dies(victim)
    x.worker(**day)
    wait_until(lambda: not x.sql.value(TO_FAIL, wave), 20, "each to have failed once")
    x.sql.execute("UPDATE active SET due_at = now() WHERE state = 'retrying'")
    x.ends(wave)


@passes("pass_over_known")
def keys_of_a_wave_that_is_over(x):
    x.worker()
    wave = x.submit(6)
    x.ends(wave)
    x.end(x.fleet.workers[0])
    x.redis.hset(x.key(wave), mapping={"version": 1, "paused": 0, "batch_size": 8, "queue": "default", "priority": 0})
    x.redis.sadd(x.key(wave, ":window"), "1")
    x.dies(x.victim())
    x.worker()
    x.ends(wave)


@passes("pass_orphan_read")
def the_list_of_nobody(x):
    wave = x.submit(8)
    wait_until(lambda: x.redis.lmove("wavefleet:queue:default", "wavefleet:processing:999999", "LEFT", "RIGHT"), 5, "an id lined up")
    x.dies(x.victim())
    x.worker()
    x.ends(wave)


@passes("due_to_judge_known")
def a_wave_that_ended_unnoticed(x):
    """Its last settler died before it looked."""
    with x.nobody_leads():
        first = x.fleet.start_worker(4, ready=False, WAVEFLEET_FAULTS="settle_to_judge_known=kill")
        wave = x.submit(6)
        wait_until(lambda: not first.alive, 20, "the death of the last settler")
        first.kill()
        x.fleet.forget(first)
        assert snapshot(x.sql, wave)["state"] == "running"
    x.dies(x.victim())
    x.worker()
    x.ends(wave)


@passes("future_closed")
def redis_from_the_future(x):
    """PostgreSQL was put back to a state in which it knows an older version of the wave."""
    victim = x.victim(WAVEFLEET_RECONCILER_INTERVAL_MS=300)
    wave = x.submit(30, params={"sleep_ms": 400})
    x.running(wave, 1)
    x.redis.hset(x.key(wave), mapping={"version": 99, "paused": 1})
    x.dies(victim)
    x.worker()
    x.ends(wave)


@passes("window_piece")
def a_window_full_of_rubbish(x):
    wave = x.submit(20, params={"sleep_ms": 500})
    x.redis.sadd(x.key(wave, ":window"), *range(10**9, 10**9 + 1500))
    x.dies(x.victim())
    x.worker()
    x.ends(wave)


@passes("demand_read", "demand_compared")
def a_demand_full_of_rubbish(x):
    wave = x.submit(20, params={"sleep_ms": 500})
    x.redis.sadd("wavefleet:demand:default", *range(10**9, 10**9 + 10))
    x.dies(x.victim())
    x.worker()
    x.ends(wave)


@passes("demand_compared", variant="without a wave")
def a_demand_of_rubbish_alone(x):
    """An autoscaler would see work for ever."""
    x.redis.sadd("wavefleet:demand:default", "1000000000")
    x.dies(x.victim())
    x.worker()
    wait_until(x.redis_is_empty, 20, "an empty Redis", every_s=0.1)


@passes("demand_compared", variant="and what it adds has ended")
def what_is_added_to_a_demand_ends_meanwhile(x):
    """Its finish was before: nobody but the reconciler itself would take it out again, and its next pass is later."""
    leader = x.victim(1, act="stop", WAVEFLEET_WORKER_QUEUES="other", WAVEFLEET_RECONCILER_INTERVAL_MS=12000,
                      WAVEFLEET_WORKER_LEASE_MS=30000)
    leading(x, leader)
    x.worker(1)
    wave = x.submit(1, params={"sleep_ms": 60000})
    x.running(wave, 1)
    assert x.redis.spop("wavefleet:demand:default")
    x.passed(leader)
    x.post(f"/api/waves/{wave}/stop")
    wait_until(lambda: not x.sql.value("SELECT count(*) FROM active") and not x.redis.keys("wavefleet:processing:*"), 10, "its end")
    assert not x.redis.scard("wavefleet:demand:default")
    x.redis.config_resetstat()
    leader.signal(signal.SIGCONT)
    wait_until(lambda: x.redis.info("commandstats").get("cmdstat_sadd"), 5, "it is added")
    wait_until(lambda: not x.redis.scard("wavefleet:demand:default"), 5, "and taken out")
    x.ends(wave, "stopped", alone=False)


# ---- a worker stands still for longer than its lease, and then goes on from where it was ----

def goes_on_later(x, victim, wave):
    x.passed(victim)
    x.ends(wave, alone=False)       # the others do not need it
    victim.signal(signal.SIGCONT)
    back = lambda: x.fleet.worker_id(victim) is not None
    wait_until(back, 20, "the victim under its new name")
    x.ends(wave, alone=False)       # and what it knew of old has spoilt nothing
    x.ends(x.submit(12))


@passes("pop_taken", "claim_sent", "claim_committed", "job_given", "outcome_read", "settle_sent", "settle_committed",
        "settle_to_judge_known", "judge_sent", "judge_committed", "finish_sent", "finish_told", "beat_sent",
        "pass_counts_read", "pass_done", variant="and stands still")
def it_stands_still(x):
    """It is the leader, too: where one of its passes has judged the wave before the point is there, it is there in another."""
    env = {"WAVEFLEET_WORKER_LEASE_MS": 2000, "WAVEFLEET_RECONCILER_INTERVAL_MS": 300}
    victim = x.victim(2, nth=3 if x.point.startswith(("beat", "pass")) else 1, act="stop", **env)
    leading(x, victim)
    wave = passed_in_a_wave(x, victim, 16, batch_size=4, params={"sleep_ms": 100})
    x.worker(2, **env)
    goes_on_later(x, victim, wave)


LARGE = {"sleep_ms": 2500, "result": {"pages": ["x" * 1000] * 900}}


def results_gather(x, wave):
    """The first settlement waits for the wave until all other bodies have ended: their results go together."""
    x.running(wave, 24)
    x.sql.execute("BEGIN")
    x.sql.execute("SELECT FROM waves WHERE wave_id = %s FOR UPDATE", wave)
    waits = """SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
        AND application_name = 'wavefleet-worker settle'"""
    wait_until(lambda: x.sql.value(waits), 20, "the first settlement waiting")
    time.sleep(1)
    x.sql.execute("COMMIT")


@passes("settle_begun", "slots_promised", "slots_promised_ahead", variant="and stands still")
def a_transaction_whose_rest_is_to_come(x):
    """PostgreSQL has settled, or claimed, holds the wave and the rows, and waits for the end of the transaction."""
    env = {"WAVEFLEET_WORKER_LEASE_MS": 2000}
    victim = x.victim(4, nth=30, act="stop", **env)
    wave = x.submit(6000, batch_size=narrow(x))
    x.passed(victim)
    x.worker(4, **env)
    goes_on_later(x, victim, wave)


@passes("half_sent")
def half_a_settlement(x):
    """Results of a megabyte each."""
    victim = x.victim(24)
    x.fleet.wait_worker(victim)
    wave = x.submit(24, batch_size=24, params=LARGE)
    results_gather(x, wave)
    x.dies(victim)
    x.worker(8)
    x.ends(wave)


@passes("half_sent", variant="and stands still")
def half_a_settlement_that_stands_still(x):
    """PostgreSQL has locked the wave for it, and waits for the rest."""
    env = {"WAVEFLEET_WORKER_LEASE_MS": 2000}
    victim = x.victim(24, act="stop", **env)
    x.fleet.wait_worker(victim)
    wave = x.submit(24, batch_size=24, params=LARGE)
    results_gather(x, wave)
    x.passed(victim)
    x.worker(8, **env)
    goes_on_later(x, victim, wave)
