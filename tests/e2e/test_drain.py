"""SIGTERM to a worker: bodies may finish within the grace, what is left is handed
back without counting as an attempt, what is parked stays parked, and the worker
ends with 0 in time; whoever is left goes on at once."""

import signal
import time

import psycopg2
import pytest

from invariants import check_ended, residue, snapshot
from remote_setup import QUICK_REMOTE, store_secret, targets
from wavefleet import SLOW, wait_until

SHELL = "/bin/sh"
AFTER_S = 10    # what settling and saying goodbye may take beside the grace

# Bodies of projects named "long…" hold out far beyond every grace here, in their first attempt only.
BODY = {"argv": [SHELL, "-c", 'case $1:$2 in long*:1) exec sleep 60 ;; *) exec sleep 0.5 ;; esac', "sh",
                 "{project}", "{attempt}"]}


def ends_when_it_drains(worker):
    """The same, but what is not long lasts until this worker drains."""
    script = 'case $1:$2 in long*:1) exec sleep 60 ;; *) until grep -q worker.drains "$3"; do sleep 0.05; done ;; esac'
    return {"argv": [SHELL, "-c", script, "sh", "{project}", "{attempt}", str(worker.log)]}


def fleet_with_grace(make_own_fleet, grace_ms, **how):
    env = {"WAVEFLEET_COMMAND_ALLOW": SHELL, "WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS": str(grace_ms), **how.pop("env", {})}
    return make_own_fleet(env=env, **how)


def running(fleet, wave, count):
    wait_until(lambda: snapshot(fleet.sql, wave)["running"] == count, 15, f"{count} bodies running")


def ends_within(worker, begun, seconds):
    """The exit status is 0; returns how long it took."""
    code = worker.process.wait(seconds * SLOW + 20)
    took = time.monotonic() - begun
    assert code == 0, f"exit status {code}:\n{worker.tail()}"
    assert took < seconds * SLOW, f"took {took:.1f} s"
    worker.expected_exit = 0
    return took


def check_handed_back(fleet, row):
    assert (row["state"], row["attempt"], row["spent"], row["crashes"]) == ("pending", 1, 0, 0), row
    assert [a["outcome"] for a in fleet.attempts(row["id"])] == ["handed_back"]


def test_short_bodies_finish_and_long_ones_are_handed_back(make_own_fleet):
    fleet = fleet_with_grace(make_own_fleet, 4000, workers=1, concurrency=4)
    wave = fleet.submit("mixed", ["short 1", "long 1", "short 2", "long 2", "waits"], "command", batch_size=4,
                        max_attempts=1, params=ends_when_it_drains(fleet.workers[0]))
    running(fleet, wave, 4)
    worker, begun = fleet.workers[0], time.monotonic()
    worker.signal(signal.SIGTERM)
    took = ends_within(worker, begun, 4 + AFTER_S)
    assert took >= 3.9, "bodies that had not finished got their whole grace"
    fleet.forget(worker)

    s, rows = snapshot(fleet.sql, wave), fleet.migrations(wave)
    assert s["in_window"] == 0 and s["sum_in_window"] == 0 and s["state"] == "running", s
    for name in ("short 1", "short 2"):
        assert (rows[name]["state"], rows[name]["attempt"]) == ("completed", 1)
    for name in ("long 1", "long 2"):
        check_handed_back(fleet, rows[name])
    assert rows["waits"]["attempt"] == 0, "nothing was begun after the signal"

    fleet.start_worker()
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    rows = fleet.migrations(wave)
    assert [rows[n]["attempt"] for n in ("long 1", "long 2", "waits")] == [2, 2, 1]
    assert all(r["spent"] == 0 for r in rows.values())


@pytest.mark.parametrize("first, second", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)])
def test_a_second_signal_hands_back_now(make_own_fleet, first, second):
    fleet = fleet_with_grace(make_own_fleet, 600_000, workers=1, concurrency=2)
    wave = fleet.submit("now", ["long 1", "long 2"], "command", max_attempts=1, params=BODY)
    running(fleet, wave, 2)
    worker = fleet.workers[0]
    worker.signal(first)
    wait_until(lambda: "worker.drains" in worker.text(), 10, "draining")
    assert snapshot(fleet.sql, wave)["running"] == 2, "the first signal ends no body"
    begun = time.monotonic()
    worker.signal(second)
    ends_within(worker, begun, AFTER_S)
    fleet.forget(worker)
    for row in fleet.migrations(wave).values():
        check_handed_back(fleet, row)


def test_an_idle_worker_ends_at_once(make_own_fleet):
    fleet = fleet_with_grace(make_own_fleet, 600_000, workers=1)
    worker, begun = fleet.workers[0], time.monotonic()
    worker_id = fleet.worker_id(worker)
    worker.signal(signal.SIGTERM)
    ends_within(worker, begun, AFTER_S)
    fleet.forget(worker)
    left = fleet.sql.row("SELECT alive, slot, end_reason FROM workers WHERE worker_id = %s", worker_id)
    assert left == {"alive": False, "slot": None, "end_reason": "left"}
    assert not fleet.redis.exists(f"wavefleet:processing:{worker_id}")


def test_others_go_on_with_what_is_handed_back(make_own_fleet):
    """Also what lay in the list of the one that left: nothing waits for a lease to end."""
    fleet = fleet_with_grace(make_own_fleet, 300, workers=2, concurrency=3,
                             env={"WAVEFLEET_WORKER_LEASE_MS": "60000", "WAVEFLEET_RECONCILER_INTERVAL_MS": "60000"})
    wave = fleet.submit("go on", [f"long {i}" for i in range(6)] + [f"short {i}" for i in range(20)], "command",
                        batch_size=6, max_attempts=1, params=BODY)
    running(fleet, wave, 6)
    first, second = fleet.workers
    begun = time.monotonic()
    first.signal(signal.SIGTERM)
    ends_within(first, begun, 0.3 + AFTER_S)
    fleet.forget(first)
    taken = lambda: [r for r in fleet.migrations(wave).values() if r["attempt"] == 2 or r["state"] == "completed"]
    fleet.start_worker(3)
    wait_until(lambda: len(taken()) >= 20, 20, "what was handed back, and the rest, on the new worker")
    begun = time.monotonic()
    second.signal(signal.SIGTERM)
    ends_within(second, begun, 0.3 + AFTER_S)
    fleet.forget(second)
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    rows = fleet.migrations(wave).values()
    assert all(r["spent"] == 0 and r["crashes"] == 0 and r["attempt"] <= 2 for r in rows)
    assert fleet.sql.value("SELECT count(*) FROM attempts WHERE outcome = 'lost'") == 0


def test_workers_that_drain_together_hand_nothing_to_each_other(make_own_fleet):
    fleet = fleet_with_grace(make_own_fleet, 300, workers=3, concurrency=2)
    wave = fleet.submit("all", [f"long {i}" for i in range(12)], "command", batch_size=6, max_attempts=1, params=BODY)
    running(fleet, wave, 6)
    workers, begun = list(fleet.workers), time.monotonic()
    for worker in workers:
        worker.signal(signal.SIGTERM)
    for worker in workers:
        ends_within(worker, begun, 0.3 + AFTER_S)
        fleet.forget(worker)
    rows = list(fleet.migrations(wave).values())
    assert sorted(r["attempt"] for r in rows) == [0] * 6 + [1] * 6, "nothing was begun after the signal"
    assert all(r["state"] == "pending" and r["spent"] == 0 for r in rows)
    # all at once, so that those that are long still keep nobody waiting
    assert fleet.http.request("PATCH", f"/api/waves/{wave}", {"batch_size": 12}).status == 200
    fleet.start_worker(12)
    wait_until(lambda: sum(r["state"] == "completed" for r in fleet.migrations(wave).values()) >= 6, 20,
               "what was handed back runs again")


def test_what_is_parked_stays_parked(make_own_fleet, migration_server):
    """It holds no worker: its webhook settles it though none is left."""
    app = migration_server.app
    app.control({"reset": True, "default": {"run_ms": 600_000}})
    fleet = fleet_with_grace(make_own_fleet, 600_000, workers=1, concurrency=2, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url,
        "WAVEFLEET_REMOTE_POLL_INITIAL_MS": "60000", "WAVEFLEET_REMOTE_POLL_CAP_MS": "60000"})
    store_secret(fleet)
    wave = fleet.submit("parked", targets(["one", "two", "three"], 900), "remote", batch_size=3, max_attempts=1,
                        workspace_id=7, workspace_name="w")
    wait_until(lambda: snapshot(fleet.sql, wave)["parked"] == 3, 15, "three parked")
    worker, begun = fleet.workers[0], time.monotonic()
    worker.signal(signal.SIGTERM)
    ends_within(worker, begun, AFTER_S)
    fleet.forget(worker)
    parked = fleet.migrations(wave).values()
    assert all((r["state"], r["attempt"], r["spent"]) == ("parked", 1, 0) for r in parked), list(parked)
    for pair, run in list(app.runs.items()):
        app.finish(pair, run)
    assert fleet.wait_wave(wave) == "completed"
    check_ended(fleet.sql, wave, watched=fleet.watch_installed)
    # a poll that is not needed any more is dropped when it comes due, and by a worker
    left = lambda: [key for key in residue(fleet.redis, fleet.sql, wave) if not key.startswith("wavefleet:delayed ")]
    wait_until(lambda: not left(), 10, "Redis clean of the wave")
    assert all(len(fleet.attempts(r["id"])) == 1 for r in fleet.migrations(wave).values())
    app.control({"reset": True})


def test_a_claim_that_is_lost_while_a_worker_drains_is_given_back(make_own_fleet):
    """Its connection goes down while it waits for the wave: nobody knows what became of it, and nobody claims any more."""
    fleet = make_own_fleet(workers=0, env={"WAVEFLEET_WORKER_LEASE_MS": "15000"})
    wave = fleet.submit("lost", [f"p{n}" for n in range(40)], batch_size=8)
    holder = psycopg2.connect(fleet.place.database_url)
    holder.cursor().execute("SELECT FROM wavefleet.waves FOR UPDATE")
    worker = fleet.start_worker(4)
    waits = """SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
        AND application_name = 'wavefleet-worker settle'"""
    pid = wait_until(lambda: fleet.sql.value(waits), 15, "a claim that waits for the wave")
    time.sleep(0.3)     # what waits for a runner for long has been given back by then
    begun = time.monotonic()
    worker.signal(signal.SIGTERM)
    wait_until(lambda: "worker.drains" in worker.text(), 15, "the worker drains")
    fleet.sql.value("SELECT pg_terminate_backend(%s)", pid)
    wait_until(lambda: "exchange.failed" in worker.text(), 15, "the claim fails")
    holder.close()
    ends_within(worker, begun, 4)       # not with the next look at what is in hand
    fleet.start_worker(4)
    fleet.wait_wave(wave, 60)
    fleet.check_wave(wave, "completed")
