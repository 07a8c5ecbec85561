"""Cancelling single migrations: while they wait, run or are parked, by the wave's and by the migration's path."""

import os
import signal

import pytest

from gate import Gate
from remote_setup import QUICK_REMOTE, store_secret, targets
from stack import moved_to, server_address
from wavefleet import assert_problem, wait_until

STUBBORN = 'trap "" TERM; echo $$ >"$0/$1"; while :; do sleep 0.1; done'


@pytest.fixture(scope="module")
def fleet(make_fleet, migration_server):
    return make_fleet(workers=2, concurrency=4, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url,
        "WAVEFLEET_COMMAND_ALLOW": "/bin/sh", "WAVEFLEET_WORKER_KILL_GRACE_MS": "400",
        "WAVEFLEET_RETRY_BASE_MS": "86400000", "WAVEFLEET_RETRY_CAP_MS": "86400000"})


def states(fleet, wave):
    return {name: row["state"] for name, row in fleet.migrations(wave).items()}


def cancel(fleet, wave, project, by_wave=True, **options):
    path = f"waves/{wave}/migrations/{project}" if by_wave else f"migrations/m{fleet.migrations(wave)[project]['id']}"
    return fleet.http.post(f"/api/{path}/cancel", {}, **options)


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


@pytest.mark.parametrize("by_wave", [True, False], ids=["by wave", "by id"])
def test_waiting_and_running(fleet, by_wave):
    wave = fleet.submit("some", [f"s{i}" for i in range(6)], params={"sleep_ms": 60_000}, batch_size=2)
    wait_until(lambda: list(states(fleet, wave).values()).count("running") == 2, 20, "two to run")
    waiting = [p for p, s in states(fleet, wave).items() if s == "pending"]
    version = fleet.sql.value("SELECT version FROM waves WHERE wave_id = %s", wave)
    reply = cancel(fleet, wave, waiting[0], by_wave)
    assert reply.status == 200 and reply.data["state"] == "cancelled" and reply.data["changed"] is True
    again = cancel(fleet, wave, waiting[0], by_wave)
    assert again.status == 200 and again.data["changed"] is False and "already" in again.data["message"]
    assert fleet.sql.value("SELECT version FROM waves WHERE wave_id = %s", wave) == version + 1
    row = fleet.migrations(wave)[waiting[0]]
    assert row["attempt"] == 0 and "cancelled by" in row["error"] and not fleet.attempts(row["id"])
    for project in [p for p in states(fleet, wave) if p != waiting[0]]:
        assert cancel(fleet, wave, project, by_wave).status in (200, 202)
    assert fleet.wait_wave(wave) == "completed"
    assert set(states(fleet, wave).values()) == {"cancelled"}
    fleet.check_wave(wave, "completed")


def test_a_body_that_ignores_term_is_killed(fleet, tmp_path):
    tmp_path.chmod(0o777)
    wave = fleet.submit("stubborn", ["stubborn", "meek"], kind="command",
                        params={"argv": ["/bin/sh", "-c", STUBBORN, str(tmp_path), "{project}"]})
    pid = int(wait_until(lambda: (tmp_path / "stubborn").exists() and (tmp_path / "stubborn").read_text(), 20, "its pid"))
    for worker in fleet.workers:        # so that it is not killed before it is asked for again
        worker.signal(signal.SIGSTOP)
    reply = cancel(fleet, wave, "stubborn")
    assert reply.status == 202 and reply.data["state"] == "running" and reply.data["worker_id"]
    repeated = cancel(fleet, wave, "stubborn")
    assert repeated.status == 202 and repeated.data["changed"] is False
    for worker in fleet.workers:
        worker.signal(signal.SIGCONT)
    row = wait_until(lambda: fleet.migrations(wave)["stubborn"]["state"] == "cancelled" and fleet.migrations(wave)["stubborn"],
                     20, "it to be cancelled")
    assert "cancelled by" in row["error"] and row["class"] is None
    wait_until(lambda: not alive(pid), 5, "the body's end")
    assert [a["outcome"] for a in fleet.attempts(row["id"])] == ["cancelled"]
    assert states(fleet, wave)["meek"] == "running", "the others go on"
    restarted = fleet.http.post(f"/api/waves/{wave}/migrations/stubborn/restart", {})
    assert restarted.status == 200, "what was cancelled can be started again"
    wait_until(lambda: states(fleet, wave)["stubborn"] == "running", 20, "it to run again")
    assert cancel(fleet, wave, "stubborn").status == cancel(fleet, wave, "meek").status == 202
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed", restarts=1)


def test_parked_and_its_late_webhook(fleet, migration_server):
    store_secret(fleet)
    app, pairs = migration_server.app, [("gone", 7_700_001), ("stays", 7_700_002)]
    app.control({"projects": {p: {"webhook": "once", "run_ms": 600_000} for p, _ in pairs}})
    wave = fleet.submit("sites", targets(["gone", "stays"], 7_700_001), "remote", workspace_id=77)
    wait_until(lambda: set(states(fleet, wave).values()) == {"parked"}, 20, "both to be parked")
    reply = cancel(fleet, wave, "gone")
    assert reply.status == 200 and "may go on" in reply.data["message"] and reply.data["state"] == "cancelled"
    before = fleet.migrations(wave)["gone"]
    assert "may go on" in before["error"] and before["attempt"] == 1
    for pair in pairs:
        app.finish(pair, app.runs[pair])
    verdicts = lambda: [r["verdict"] for r in fleet.sql.rows(
        "SELECT verdict FROM webhooks WHERE migration_id = %s ORDER BY id", before["id"])]
    wait_until(lambda: verdicts() == ["late"], 20, "the late webhook")
    assert fleet.wait_wave(wave) == "completed"
    assert states(fleet, wave) == {"gone": "cancelled", "stays": "completed"}
    assert fleet.migrations(wave)["gone"] == before, "a late word changes nothing"
    assert [a["outcome"] for a in fleet.attempts(before["id"])] == ["cancelled"]
    fleet.check_wave(wave, "completed")


def test_retrying(fleet):
    wave = fleet.submit("tries", ["t"], params={"fail": {"times": 5, "class": "temporary"}}, max_attempts=100)
    wait_until(lambda: states(fleet, wave)["t"] == "retrying", 20, "it to wait for its next attempt")
    assert cancel(fleet, wave, "t").status == 200
    assert fleet.wait_wave(wave) == "completed"
    row = fleet.migrations(wave)["t"]["id"]
    fleet.redis.zadd("wavefleet:delayed", {row: 1}, xx=True)
    wait_until(lambda: fleet.redis.zscore("wavefleet:delayed", row) is None, 20, "the retry that is over to be dropped")
    assert [a["outcome"] for a in fleet.attempts(row)] == ["failed"]
    fleet.check_wave(wave, "completed")


def test_a_wave_that_is_ready_ends_with_its_last_one(fleet):
    wave = fleet.wave_and_wait("again", ["r1", "r2"])
    assert fleet.http.post(f"/api/waves/{wave}/reset-status", {}).status == 200
    assert cancel(fleet, wave, "r1").status == 200
    assert fleet.sql.value("SELECT state::text FROM waves WHERE wave_id = %s", wave) == "ready"
    assert cancel(fleet, wave, "r2").status == 200
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed", restarts=1)


def test_a_wave_that_is_ready_ends_with_what_ran_when_it_was_reset(fleet):
    """Nothing is left that a person could start."""
    for fail, end in ({}, "completed"), ({"fail": {"times": 1, "class": "data"}}, "error"):
        wave = fleet.submit(f"reset meanwhile: {end}", ["r1", "r2"], params={"sleep_ms": 1000, **fail})
        wait_until(lambda: set(states(fleet, wave).values()) == {"running"}, 20, "both to run")
        assert fleet.http.post(f"/api/waves/{wave}/reset-status", {}).data["reset"] == 0
        assert fleet.wait_wave(wave) == end
        fleet.check_wave(wave, end)


def test_a_wave_that_an_earlier_release_left_ready(fleet):
    """Nobody settles anything of it any more: the worker that leads finds it."""
    wave = fleet.wave_and_wait("left", ["r1", "r2"])
    fleet.sql.execute("UPDATE waves SET state = 'ready', completed_at = NULL, run_no = run_no + 1 WHERE wave_id = %s", wave)
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")


def test_refusals(fleet):
    wave = fleet.wave_and_wait("over", ["done", "dead"], max_attempts=1)
    failed = fleet.wave_and_wait("dead", ["bad"], params={"fail": {"times": 9, "class": "data"}})
    for wave_id, project, state in ((wave, "done", "completed"), (failed, "bad", "failed")):
        for by_wave in (True, False):
            problem = assert_problem(cancel(fleet, wave_id, project, by_wave), 409)
            assert state in problem["detail"]
    assert_problem(cancel(fleet, wave, "nobody"), 404)
    assert_problem(cancel(fleet, "1700000000_123456789012", "done"), 404)
    assert_problem(cancel(fleet, "no-wave", "done"), 404)
    assert_problem(fleet.http.post("/api/migrations/m999999999/cancel", {}), 404)
    for body, status in (({"force": True}, 422), ("{", 400), ("[]", 400)):
        assert_problem(fleet.http.post(f"/api/waves/{wave}/migrations/done/cancel", body), status)
    viewer = fleet.run("wavefleet-api", "token", "create", "--role", "viewer", "--name", "watcher").stdout.split()[-1]
    assert_problem(cancel(fleet, wave, "done", token=viewer), 403)


def test_without_redis(make_own_fleet):
    """Cancelling needs PostgreSQL only; the worker finds the wish in its row."""
    fleet = make_own_fleet(workers=0, api=False)
    gate = Gate(server_address(fleet.place.redis_url, 6379))
    fleet.start_api(WAVEFLEET_REDIS_URL=moved_to(fleet.place.redis_url, gate.port))
    fleet.start_worker(2)
    wave = fleet.submit("cut off", ["a", "b"], params={"sleep_ms": 60_000})
    wait_until(lambda: set(states(fleet, wave).values()) == {"running"}, 20, "both to run")
    gate.cut()
    wait_until(lambda: fleet.http.get("/readyz").status == 503, 20, "the API to notice")
    assert cancel(fleet, wave, "a").status == 202
    wait_until(lambda: states(fleet, wave)["a"] == "cancelled", 20, "it to be cancelled")
    gate.mend()
    wait_until(lambda: fleet.http.get("/readyz").status == 200, 20, "the API to be back")
    assert cancel(fleet, wave, "b").status == 202
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    gate.close()
