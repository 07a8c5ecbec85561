"""Pausing, resuming and stopping a wave."""

import signal

import pytest

from held import held
from wavefleet import assert_problem, wait_until


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=2, concurrency=4, env={"WAVEFLEET_COMMAND_ALLOW": "/bin/sh"})


def act(fleet, wave, what):
    return fleet.http.post(f"/api/waves/{wave}/{what}", {})


def states(fleet, wave):
    return {r["state"]: r["n"] for r in fleet.sql.rows(
        """SELECT m.state::text AS state, count(*) AS n FROM migrations m JOIN waves w USING (wave_no)
           WHERE w.wave_id = %s GROUP BY 1""", wave)}


def test_pause_lets_what_runs_finish_and_starts_nothing(fleet, tmp_path):
    wave = fleet.submit("paused", [f"p{i}" for i in range(30)], kind="command", batch_size=3, params=held(tmp_path))
    wait_until(lambda: states(fleet, wave).get("running") == 3, 20, "three to run")
    reply = act(fleet, wave, "pause")
    assert reply.status == 200 and reply.data["state"] == "paused" and reply.data["changed"]
    (tmp_path / "go").touch()
    wait_until(lambda: not states(fleet, wave).get("running"), 20, "what runs to finish")
    still = states(fleet, wave)
    assert still == {"completed": 3, "pending": 27} and fleet.status(wave)["status"] == "paused"
    again = act(fleet, wave, "pause")
    assert again.status == 200 and not again.data["changed"]
    assert states(fleet, wave) == still
    assert act(fleet, wave, "resume").data["state"] == "running"
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")


def test_stop_ends_what_runs_and_cancels_the_rest(fleet):
    wave = fleet.submit("stopped", [f"s{i}" for i in range(20)], kind="command", batch_size=3,
                        params={"argv": ["/bin/sh", "-c", "sleep 60"]})
    wait_until(lambda: states(fleet, wave).get("running") == 3, 20, "three to run")
    reply = act(fleet, wave, "stop")
    assert reply.status == 200 and reply.data["cancelled"] == 17 and reply.data["ending"] == 3
    wait_until(lambda: states(fleet, wave) == {"cancelled": 20}, 20, "all to be cancelled")
    assert fleet.wait_wave(wave, until=("stopped",)) == "stopped"
    fleet.check_wave(wave, "stopped")
    assert act(fleet, wave, "stop").status == 200
    assert_problem(act(fleet, wave, "pause"), 409)
    assert_problem(act(fleet, wave, "resume"), 409)
    again = fleet.http.post(f"/api/waves/{wave}/restart-all", {"mb_uuids": []})
    assert again.status == 200 and again.data["success"] == 20
    wait_until(lambda: states(fleet, wave).get("running") == 3, 20, "three to run again")
    assert act(fleet, wave, "stop").status == 200
    wait_until(lambda: states(fleet, wave) == {"cancelled": 20}, 20, "all to be cancelled again")


def two_of_three_run(fleet):
    """In a wave whose only worker stands still."""
    wave = fleet.submit("to be stopped", ["a", "b", "c"], params={"sleep_ms": 60_000}, batch_size=2)
    wait_until(lambda: states(fleet, wave).get("running") == 2, 20, "two to run")
    fleet.workers[0].signal(signal.SIGSTOP)
    return wave, {p: row["id"] for p, row in fleet.migrations(wave).items()}


AGAIN = {"unlock": lambda http, ref: http.delete(f"/api/migrations/{ref}/lock"),
         "hard reset": lambda http, ref: http.post(f"/api/migrations/{ref}/hard-reset", {})}


@pytest.mark.parametrize("dies", [False, True], ids=["its worker goes on", "its worker dies"])
@pytest.mark.parametrize("how", AGAIN)
def test_a_stop_cancels_what_was_to_run_again(make_own_fleet, how, dies):
    fleet = make_own_fleet(workers=1, concurrency=2)
    wave, ids = two_of_three_run(fleet)
    assert AGAIN[how](fleet.http, f"m{ids['a']}").status in (200, 202)
    reply = act(fleet, wave, "stop")
    assert reply.status == 200 and reply.data["cancelled"] == 1 and reply.data["ending"] == 2
    if dies:
        fleet.workers[0].kill()
        fleet.forget(fleet.workers[0])
        fleet.start_worker(2)
    else:
        fleet.workers[0].signal(signal.SIGCONT)
    wait_until(lambda: states(fleet, wave) == {"cancelled": 3}, 30, "all to be cancelled")
    assert "stopped by" in fleet.migrations(wave)["a"]["error"]
    fleet.check_wave(wave, "stopped")


@pytest.mark.parametrize("by_a_person", [True, False])
def test_what_is_pending_in_a_stopped_wave_goes_with_another_stop(make_own_fleet, by_a_person):
    """Releases before 0.19.0 settled so what was to run again: the wave never ended."""
    fleet = make_own_fleet(workers=1, concurrency=2, watched=False)
    wave, ids = two_of_three_run(fleet)
    assert act(fleet, wave, "stop").status == 200
    fleet.sql.execute("""WITH m AS (UPDATE migrations SET state = 'pending' WHERE id = %s RETURNING wave_no),
        a AS (DELETE FROM active WHERE migration_id = %s)
        UPDATE wave_progress p SET released = released + 1 FROM m WHERE p.wave_no = m.wave_no AND p.claimed > 0""", ids["a"], ids["a"])
    if by_a_person:
        again = act(fleet, wave, "stop")
        assert again.status == 200 and again.data["cancelled"] == 1 and not again.data["changed"]
    fleet.workers[0].signal(signal.SIGCONT)
    wait_until(lambda: fleet.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave), 30, "its end")
    assert states(fleet, wave) == {"cancelled": 3}


def test_impossible_acts_name_the_state(fleet):
    wave = fleet.wave_and_wait("over", ["a"])
    for what in ("pause", "resume", "stop"):
        problem = act(fleet, wave, what)
        assert_problem(problem, 409)
        assert "completed" in problem.json["error"]
    assert_problem(act(fleet, "1700000000_123456789012", "pause"), 404)
