"""Pausing, resuming and stopping a wave."""

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


def test_impossible_acts_name_the_state(fleet):
    wave = fleet.wave_and_wait("over", ["a"])
    for what in ("pause", "resume", "stop"):
        problem = act(fleet, wave, what)
        assert_problem(problem, 409)
        assert "completed" in problem.json["error"]
    assert_problem(act(fleet, "1700000000_123456789012", "pause"), 404)
