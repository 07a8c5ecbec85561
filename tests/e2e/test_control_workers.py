"""Draining a worker over HTTP, and what the list of workers shows."""

import signal

import pytest

from gate import Gate
from held import held
from stack import moved_to, server_address
from wavefleet import SLOW, assert_problem, wait_until

TERM_ASIDE = {"WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS": "8000", "WAVEFLEET_COMMAND_ALLOW": "/bin/sh"}


def drain(fleet, worker_id, **options):
    return fleet.http.post(f"/api/workers/{worker_id}/drain", {}, **options)


def shown(fleet, worker_id):
    return next((w for w in fleet.http.get("/api/workers").data if w["id"] == worker_id), None)


def running(fleet, worker_id):
    return fleet.sql.value("SELECT count(*) FROM active WHERE worker_id = %s AND state = 'running'", worker_id)


def ends_well(worker):
    worker.expected_exit = 0
    assert worker.process.wait(20 * SLOW) == 0, worker.tail()


def test_one_of_two_in_mid_wave(make_own_fleet):
    fleet = make_own_fleet(workers=2, concurrency=4, env=TERM_ASIDE)
    leaving, staying = fleet.workers
    its_id, other_id = fleet.worker_id(leaving), fleet.worker_id(staying)
    wave = fleet.submit("drained", [f"d{i}" for i in range(60)], params={"sleep_ms": 400}, batch_size=8)
    wait_until(lambda: running(fleet, its_id) == 4, 20, "it to be busy")
    reply = drain(fleet, its_id)
    assert reply.status == 200 and reply.data["changed"] is True and reply.data["drain_asked_by"]
    again = drain(fleet, its_id)
    assert again.status in (200, 409) and (again.status == 409 or again.data["changed"] is False)
    ends_well(leaving)
    assert shown(fleet, its_id) is None and shown(fleet, other_id)["draining"] is False
    assert fleet.status(wave)["status"] == "in_progress", "the other one goes on"
    assert fleet.wait_wave(wave, 60) == "completed"
    outcomes = fleet.sql.rows("""SELECT DISTINCT a.outcome FROM attempts a JOIN migrations m ON m.id = a.migration_id
        JOIN waves w USING (wave_no) WHERE w.wave_id = %s""", wave)
    assert outcomes == [{"outcome": "completed"}], "its bodies ended by themselves, none was handed back"
    problem = assert_problem(drain(fleet, its_id), 409)
    assert "has left" in problem["detail"]
    fleet.check_wave(wave, "completed")


def test_what_is_shown(make_own_fleet, tmp_path):
    fleet = make_own_fleet(workers=1, concurrency=3, env=TERM_ASIDE)
    its_id = fleet.worker_id(fleet.workers[0])
    wave = fleet.submit("shown", ["a", "b"], "command", params=held(tmp_path))
    wait_until(lambda: running(fleet, its_id) == 2, 20, "both to run")
    now = shown(fleet, its_id)
    assert now["protocol"] == 4 and now["draining"] is False and now["drain_asked_by"] is None
    assert now["running"] == 2 and now["concurrency"] == 3
    assert {(r["mb_project_uuid"], r["wave_id"], r["attempt"]) for r in now["runs"]} == {("a", wave, 1), ("b", wave, 1)}
    assert drain(fleet, its_id).data["running"] == 2
    now = wait_until(lambda: shown(fleet, its_id)["draining"] and shown(fleet, its_id), 20, "it to drain")
    assert now["drain_asked_by"] and now["running"] == 2
    assert drain(fleet, its_id).data == {"id": its_id, "changed": False, "draining": True,
                                         "drain_asked_by": now["drain_asked_by"], "running": 2}
    (tmp_path / "go").touch()
    assert fleet.wait_wave(wave) == "completed"
    ends_well(fleet.workers[0])
    assert [e for e in fleet.log_events("worker.act") if e["worker"] == its_id and e["changed"]]
    fleet.check_wave(wave, "completed")


def test_asked_for_twice_is_no_second_signal(make_own_fleet, tmp_path):
    """A second SIGTERM hands bodies back; asking over HTTP after the first one does not."""
    fleet = make_own_fleet(workers=1, concurrency=1, env=TERM_ASIDE)
    worker = fleet.workers[0]
    its_id = fleet.worker_id(worker)
    wave = fleet.submit("patient", ["p"], "command", params=held(tmp_path))
    wait_until(lambda: running(fleet, its_id) == 1, 20, "it to run")
    worker.signal(signal.SIGTERM)
    wait_until(lambda: shown(fleet, its_id)["draining"], 20, "it to drain")
    for _ in range(3):
        assert drain(fleet, its_id).data["changed"] is False
    (tmp_path / "go").touch()
    assert fleet.wait_wave(wave) == "completed"
    assert [a["outcome"] for a in fleet.attempts(fleet.migrations(wave)["p"]["id"])] == ["completed"]
    ends_well(worker)


def test_without_redis(make_own_fleet):
    fleet = make_own_fleet(api=False, env=TERM_ASIDE)
    gate = Gate(server_address(fleet.place.redis_url, 6379))
    fleet.start_api(WAVEFLEET_REDIS_URL=moved_to(fleet.place.redis_url, gate.port))
    worker = fleet.start_worker(2)
    its_id = fleet.worker_id(worker)
    gate.cut()
    wait_until(lambda: fleet.http.get("/readyz").status == 503, 20, "the API to notice")
    assert drain(fleet, its_id).status == 200
    ends_well(worker)
    gate.close()


@pytest.mark.parametrize("worker_id", ["0", "-1", "seven", "99999999", "9" * 30, "1x"])
def test_unknown(make_fleet, shared, worker_id):
    assert_problem(drain(shared, worker_id), 404)


@pytest.fixture(scope="module")
def shared(make_fleet):
    return make_fleet(workers=1, concurrency=1, env=TERM_ASIDE)


def test_refusals(shared):
    its_id = shared.worker_id(shared.workers[0])
    assert_problem(shared.http.post(f"/api/workers/{its_id}/drain", {"force": True}), 422)
    assert_problem(shared.http.post(f"/api/workers/{its_id}/drain", "nonsense"), 400)
    viewer = shared.run("wavefleet-api", "token", "create", "--role", "viewer", "--name", "watcher").stdout.split()[-1]
    assert_problem(drain(shared, its_id, token=viewer), 403)
    assert shared.sql.value("SELECT drain_asked_by FROM workers WHERE worker_id = %s", its_id) is None
    victim = shared.start_worker(1)
    dead_id = shared.worker_id(victim)
    victim.kill()
    wait_until(lambda: shown(shared, dead_id) is None, 20, "its death to be noticed")
    assert "has died" in assert_problem(drain(shared, dead_id), 409)["detail"]
