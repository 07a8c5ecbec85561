"""Waves that are steered: changed while they run, planned, with a canary, a limit of failures, a deadline, and
with dependencies among waves and among their projects."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from held import held
from wavefleet import assert_problem, wait_until

SHELL = "/bin/sh"


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=2, concurrency=4, env={"WAVEFLEET_COMMAND_ALLOW": SHELL})


def names(count, prefix="p"):
    return [f"{prefix}{i:03d}" for i in range(count)]


def act(fleet, wave, what, body=None):
    return fleet.http.post(f"/api/waves/{wave}/{what}", body or {})


def change(fleet, wave, **fields):
    return fleet.http.request("PATCH", f"/api/waves/{wave}", fields)


def show(fleet, wave):
    return fleet.http.get(f"/api/waves/{wave}").data["wave"]


def states(fleet, wave):
    return {r["state"]: r["n"] for r in fleet.sql.rows(
        """SELECT m.state::text AS state, count(*) AS n FROM migrations m JOIN waves w USING (wave_no)
           WHERE w.wave_id = %s GROUP BY 1""", wave)}


def in_time(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def failing(*which):
    """Projects of kind noop, of which some fail for good."""
    return lambda name: {"project": name, "params": {"fail": {"times": 1, "class": "data"}}} if name in which else {"project": name}


def let_go(folder, projects):
    for name in projects:
        (folder / name).touch()


def refused(fleet, status, pointer, **fields):
    body = {"name": "refused", "kind": "noop", "project_uuids": ["a", "b"], **fields}
    if "projects" in fields:
        del body["project_uuids"]
    problem = assert_problem(fleet.http.post("/api/waves", body), status)
    assert not pointer or pointer in [e["pointer"] for e in problem["errors"]], problem
    return problem


# ---- changed while it runs ----

def test_batch_size_grows_and_shrinks_while_it_runs(fleet, tmp_path):
    wave = fleet.submit("resized", names(60), "command", batch_size=1, params=held(tmp_path, go="{project}"))
    let_go(tmp_path, names(2))
    wait_until(lambda: states(fleet, wave) == {"completed": 2, "running": 1, "pending": 57}, 20, "the first two")
    with fleet.sampling(wave) as samples:
        reply = change(fleet, wave, batch_size=6)
        assert reply.status == 200 and reply.data["changed"] and reply.data["batch_size"] == 6
        wait_until(lambda: samples.peak(wave) == 6, 20, "a window of six")
        assert not change(fleet, wave, batch_size=6).data["changed"]
        assert change(fleet, wave, batch_size=2).status == 200
        let_go(tmp_path, [n for n, m in fleet.migrations(wave).items() if m["state"] == "running"])
        wait_until(lambda: states(fleet, wave) == {"completed": 8, "running": 2, "pending": 50}, 20, "no more than two")
    assert change(fleet, wave, batch_size=8, priority=3, name="renamed").status == 200
    shown = show(fleet, wave)
    assert (shown["batch_size"], shown["priority"], shown["name"]) == (8, 3, "renamed")
    let_go(tmp_path, names(60))
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    assert_problem(change(fleet, wave, batch_size=2), 409)
    lines = [line if isinstance(line, str) else line["line"] for line in fleet.http.get(f"/api/waves/{wave}/logs").data["logs"]]
    assert any("batch_size 6 instead of 1" in line for line in lines), lines


@pytest.mark.parametrize("fields, status, pointer", [
    ({"batch_size": 0}, 422, "#/batch_size"), ({"batch_size": "5"}, 400, "#/batch_size"), ({"kind": "noop"}, 422, "#/kind"),
    ({"max_failures": "none"}, 422, "#/max_failures"), ({"deadline_at": "tomorrow"}, 422, "#/deadline_at"),
    ({"name": "  "}, 422, "#/name"), ({"priority": 10}, 422, "#/priority")])
def test_bad_changes_change_nothing(fleet, fields, status, pointer):
    wave = fleet.submit("unchanged", names(2), queue="nobody")
    before = fleet.sql.value("SELECT version FROM waves WHERE wave_id = %s", wave)
    problem = assert_problem(change(fleet, wave, **fields), status)
    assert [e["pointer"] for e in problem["errors"]] == [pointer], problem
    assert fleet.sql.value("SELECT version FROM waves WHERE wave_id = %s", wave) == before
    assert act(fleet, wave, "stop").status == 200


# ---- planned ----

def test_a_planned_start_comes_by_itself(fleet):
    wave = fleet.submit("planned", names(5), start_at=in_time(6))
    assert fleet.status(wave) == {"status": "pending", "state": "ready", "progress": {"total": 5, "completed": 0, "failed": 0}, "cancelled": 0}
    assert_problem(act(fleet, wave, "pause"), 409)
    assert fleet.wait_wave(wave) == "completed"
    began = fleet.sql.value("""SELECT min(m.first_started_at) >= max(w.start_at) FROM migrations m JOIN waves w USING (wave_no)
        WHERE w.wave_id = %s""", wave)
    assert began, "something ran before start_at"
    fleet.check_wave(wave, "completed")


def test_a_planned_wave_can_be_moved_started_and_stopped(fleet):
    wave = fleet.submit("moved", names(3), start_at=in_time(3600))
    assert change(fleet, wave, start_at=in_time(7200)).data["changed"]
    assert act(fleet, wave, "resume").data["state"] == "running"
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    wave = fleet.submit("never", names(3), start_at=in_time(3600))
    assert act(fleet, wave, "stop").data["cancelled"] == 3
    assert fleet.wait_wave(wave) == "stopped"
    fleet.check_wave(wave, "stopped")


def test_start_in_the_past_is_now(fleet):
    wave = fleet.submit("late", names(2), start_at="2020-01-01T00:00:00+01:00")
    assert fleet.wait_wave(wave) == "completed"


# ---- deadline ----

def test_a_deadline_stops_the_wave(fleet):
    wave = fleet.submit("deadline", names(12), kind="command", batch_size=2, deadline_at=in_time(6),
                        params={"argv": [SHELL, "-c", "sleep 60"]})
    wait_until(lambda: states(fleet, wave).get("running") == 2, 20, "two to run")
    assert fleet.wait_wave(wave, until=("stopped",)) == "stopped"
    wait_until(lambda: states(fleet, wave) == {"cancelled": 12}, 20, "all to be cancelled")
    fleet.check_wave(wave, "stopped")
    errors = {m["error"] for m in fleet.migrations(wave).values()}
    assert errors == {"the wave was stopped by its deadline"}


# ---- canary ----

def test_canary_first_then_the_rest(fleet, tmp_path):
    wave = fleet.submit("canary", names(40), "command", batch_size=10, canary=3, params=held(tmp_path, go="{project}"))
    wait_until(lambda: states(fleet, wave).get("running", 0) == 3, 20, "the canary to run")
    assert show(fleet, wave)["canary_pending"]
    let_go(tmp_path, names(40))
    assert fleet.wait_wave(wave) == "completed"
    s = fleet.check_wave(wave, "completed")
    early = fleet.sql.value("""SELECT count(*) FROM migrations r, migrations c JOIN waves w USING (wave_no)
        WHERE w.wave_id = %s AND r.wave_no = c.wave_no AND c.id < w.first_id + 3 AND r.id >= w.first_id + 3
          AND r.first_started_at < c.finished_at""", wave)
    assert early == 0 and s["completed"] == 40, "something ran before the canary was completed"


def test_a_failed_canary_pauses_and_says_why(fleet):
    projects = [failing("p001")(n) for n in names(20)]
    wave = fleet.submit("bad canary", projects, batch_size=10, canary=3)
    assert fleet.wait_wave(wave, until=("paused",)) == "paused"
    wait_until(lambda: "running" not in states(fleet, wave), 20, "what runs to finish")
    assert states(fleet, wave)["pending"] >= 17 and states(fleet, wave)["failed"] == 1
    assert show(fleet, wave)["note"] == "the canary failed: 1 of 3 (p001)"
    # mended and restarted, it is tried again, and the rest follows
    restart = fleet.http.post(f"/api/waves/{wave}/restart-all", {"mb_uuids": []})
    assert restart.status == 200 and restart.data["success"] == 1
    assert states(fleet, wave)["pending"] >= 18 and fleet.status(wave)["status"] == "paused"
    assert act(fleet, wave, "resume").status == 200
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed", restarts=1)


def test_a_person_may_go_on_over_a_failed_canary(fleet):
    projects = [failing("p000")(n) for n in names(10)]
    wave = fleet.submit("bold", projects, canary=2)
    assert fleet.wait_wave(wave, until=("paused",)) == "paused"
    assert act(fleet, wave, "resume").data["changed"]
    assert fleet.wait_wave(wave) == "error"
    s = fleet.check_wave(wave, "error")
    assert (s["completed"], s["failed"]) == (9, 1)


def test_a_canary_survives_a_flushed_redis(fleet):
    wave = fleet.submit("flushed canary", names(30), batch_size=10, canary=4, params={"sleep_ms": 700})
    wait_until(lambda: states(fleet, wave).get("running", 0) >= 3, 20, "the canary to run")
    fleet.redis.flushall()
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    early = fleet.sql.value("""SELECT count(*) FROM migrations r JOIN waves w USING (wave_no)
        WHERE w.wave_id = %s AND r.id >= w.first_id + 4 AND r.first_started_at <
              (SELECT max(finished_at) FROM migrations c WHERE c.wave_no = w.wave_no AND c.id < w.first_id + 4)""", wave)
    assert early == 0


# ---- limits of failures ----

@pytest.mark.parametrize("limit, count", [(3, 3), ("20%", 4)])
def test_too_many_failures_pause_the_wave(fleet, limit, count):
    projects = [failing(*names(20)[:9])(n) for n in names(20)]
    wave = fleet.submit("limit", projects, batch_size=1, max_failures=limit)
    assert show(fleet, wave)["max_failures"] == limit
    assert fleet.wait_wave(wave, until=("paused",)) == "paused"
    wait_until(lambda: "running" not in states(fleet, wave), 20, "what runs to finish")
    failed = states(fleet, wave)["failed"]
    assert count <= failed < 9, states(fleet, wave)
    assert show(fleet, wave)["note"].startswith(f"{count} migrations failed") or failed > count
    # a person has seen them: counted anew from here
    assert act(fleet, wave, "resume").status == 200
    assert fleet.wait_wave(wave, until=("paused", "error")) == "paused"
    assert change(fleet, wave, max_failures=None).data["max_failures"] is None
    assert act(fleet, wave, "resume").status == 200
    assert fleet.wait_wave(wave) == "error"
    s = fleet.check_wave(wave, "error")
    assert (s["completed"], s["failed"]) == (11, 9)


def test_a_critical_failure_pauses_the_wave_once(fleet):
    projects = [{"project": "bad", "params": {"fail": {"times": 1, "class": "critical"}}}, *({"project": n} for n in names(6))]
    wave = fleet.submit("critical", projects, batch_size=1)
    assert fleet.wait_wave(wave, until=("paused",)) == "paused"
    assert "likely to hit the others" in show(fleet, wave)["note"]
    assert act(fleet, wave, "resume").status == 200
    assert fleet.wait_wave(wave) == "error"
    fleet.check_wave(wave, "error")


# ---- waves that depend on waves ----

def test_a_wave_waits_for_another(fleet):
    first = fleet.submit("first", names(6), batch_size=2, params={"sleep_ms": 150}, start_at=in_time(3600))
    second = fleet.submit("second", names(4), depends_on=[first])
    assert fleet.status(second)["state"] == "ready" and show(fleet, second)["depends_on"] == [first]
    assert act(fleet, first, "resume").status == 200
    assert fleet.wait_wave(second) == "completed"
    for wave in (first, second):
        fleet.check_wave(wave, "completed")
    assert fleet.sql.value("""SELECT (SELECT min(first_started_at) FROM migrations JOIN waves USING (wave_no) WHERE wave_id = %s)
        >= (SELECT completed_at FROM waves WHERE wave_id = %s)""", second, first)


def test_a_failed_wave_cancels_what_hangs_on_it_by_name(fleet):
    bad = {"fail": {"times": 1, "class": "data"}}
    first = fleet.submit("base", [{"project": "p000", "params": bad}, {"project": "p001"}], start_at=in_time(3600))
    second = fleet.submit("upper", names(3), depends_on=[first])
    third = fleet.submit("uppermost", names(3), depends_on=[second])
    assert act(fleet, first, "resume").status == 200
    assert fleet.wait_wave(second) == "stopped" and fleet.wait_wave(third) == "stopped"
    for wave, on in ((second, first), (third, second)):
        fleet.check_wave(wave, "stopped")
        assert all(on in m["error"] and m["state"] == "cancelled" for m in fleet.migrations(wave).values())
    assert '"base"' in show(fleet, second)["note"]


def test_waves_to_depend_on_must_be_there(fleet):
    problem = refused(fleet, 422, None, depends_on=["1700000000_123456789012"])
    assert "1700000000_123456789012" in problem["error"]
    refused(fleet, 422, "#/depends_on/0", depends_on=["x"])
    refused(fleet, 400, "#/depends_on", depends_on="x")


# ---- projects that depend on projects ----

def test_projects_run_in_the_order_of_their_dependencies(fleet):
    projects = [{"project": "roof", "depends_on": ["walls", "chimney"]}, {"project": "walls", "depends_on": ["floor"]},
                {"project": "chimney", "depends_on": ["floor"]}, {"project": "floor"}, {"project": "garden"}]
    wave = fleet.submit("house", projects, batch_size=10, params={"sleep_ms": 100}, start_at=in_time(3600))
    waits = fleet.http.get(f"/api/waves/{wave}/migrations/roof").data
    assert [d["mb_project_uuid"] for d in waits["depends_on"]] == ["walls", "chimney"] and waits["status"] == "pending"
    assert act(fleet, wave, "resume").status == 200
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    rows = fleet.migrations(wave)
    for upper, lower in (("roof", "walls"), ("roof", "chimney"), ("walls", "floor"), ("chimney", "floor")):
        assert rows[upper]["first_started_at"] >= rows[lower]["finished_at"], (upper, lower)


def test_a_failed_project_cancels_what_hangs_on_it_by_name(fleet):
    projects = [{"project": "a", "params": {"fail": {"times": 1, "class": "data"}}}, {"project": "b", "depends_on": ["a"]},
                {"project": "c", "depends_on": ["b"]}, {"project": "d"}]
    wave = fleet.submit("chain", projects)
    assert fleet.wait_wave(wave) == "error"
    s = fleet.check_wave(wave, "error")
    assert (s["completed"], s["failed"], s["cancelled"]) == (1, 1, 2)
    rows = fleet.migrations(wave)
    assert rows["b"]["error"] == 'depends on "a", which failed' and rows["c"]["error"] == 'depends on "b", which was cancelled'
    problem = assert_problem(act(fleet, wave, "migrations/b/restart"), 409)
    assert '"a", which is failed' in problem["error"]
    restart = act(fleet, wave, "restart-all", {"mb_uuids": []})
    assert restart.status == 200 and restart.data["success"] == 3, restart
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed", restarts=1)


def test_a_long_chain_and_a_wide_fan(fleet):
    chain = [{"project": "c0"}, *({"project": f"c{i}", "depends_on": [f"c{i - 1}"]} for i in range(1, 60))]
    fan = [{"project": f"f{i}", "depends_on": ["c0"]} for i in range(200)]
    last = {"project": "last", "depends_on": [f"f{i}" for i in range(200)] + ["c59"]}
    wave = fleet.submit("graph", [last, *fan, *chain], batch_size=50)
    with fleet.sampling(wave):
        assert fleet.wait_wave(wave, 60) == "completed"
    s = fleet.check_wave(wave, "completed")
    rows = fleet.migrations(wave)
    assert s["total"] == 261 and rows["last"]["first_started_at"] >= max(m["finished_at"] for n, m in rows.items() if n != "last")


def test_stop_and_reset_with_blocked_projects(fleet, tmp_path):
    projects = [{"project": "slow"}, *({"project": n, "depends_on": ["slow"]} for n in names(5))]
    wave = fleet.submit("blocked", projects, "command", params=held(tmp_path, go="{project}"))
    wait_until(lambda: states(fleet, wave) == {"running": 1, "blocked": 5}, 20, "the slow one to run")
    assert act(fleet, wave, "stop").data["cancelled"] == 5
    wait_until(lambda: states(fleet, wave) == {"cancelled": 6}, 20, "all to be cancelled")
    fleet.check_wave(wave, "stopped")
    assert act(fleet, wave, "reset-status").status == 200
    assert states(fleet, wave) == {"pending": 1, "blocked": 5}
    let_go(tmp_path, ["slow", *names(5)])
    assert act(fleet, wave, "resume").status == 200
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed", restarts=1)


def test_dependencies_survive_a_flushed_redis(fleet, tmp_path):
    projects = [{"project": "base"}, *({"project": n, "depends_on": ["base"]} for n in names(30))]
    wave = fleet.submit("flushed graph", projects, "command", batch_size=5, params=held(tmp_path, go="{project}"))
    wait_until(lambda: states(fleet, wave).get("running"), 20, "the base to run")
    fleet.redis.flushall()
    let_go(tmp_path, ["base", *names(10)])
    wait_until(lambda: states(fleet, wave).get("completed") == 11, 20, "some to complete")
    fleet.redis.flushall()
    let_go(tmp_path, names(30))
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")


def test_a_cycle_is_refused_and_printed(fleet):
    problem = refused(fleet, 422, "#/projects/1/depends_on", projects=[
        {"project": "free"}, {"project": "a", "depends_on": ["c"]}, {"project": "b", "depends_on": ["a"]}, {"project": "c", "depends_on": ["b"]}])
    assert "a → c → b → a" in problem["errors"][0]["detail"], problem


@pytest.mark.parametrize("depends_on, status, words", [
    (["nobody"], 422, '"nobody", which is not in this wave'), (["a"], 422, "depend on itself"), ("b", 400, "array"), ([5], 400, "strings")])
def test_bad_dependencies_are_refused(fleet, depends_on, status, words):
    problem = refused(fleet, status, None, projects=[{"project": "a", "depends_on": depends_on}, {"project": "b"}])
    assert words in problem["errors"][0]["detail"], problem


def test_a_canary_cannot_wait_for_the_rest(fleet):
    refused(fleet, 422, "#/projects/0/depends_on", canary=1, projects=[{"project": "a", "depends_on": ["b"]}, {"project": "b"}])


@pytest.mark.parametrize("fields, pointer", [
    ({"start_at": "2030-01-01"}, "#/start_at"), ({"start_at": "2030-01-01T00:00:00"}, "#/start_at"), ({"canary": 0}, "#/canary"),
    ({"max_failures": 0}, "#/max_failures"), ({"max_failures": "0%"}, "#/max_failures"), ({"max_failures": "101%"}, "#/max_failures")])
def test_bad_fields_are_refused(fleet, fields, pointer):
    refused(fleet, 422, pointer, **fields)


def test_a_deadline_in_the_past_is_refused(fleet):
    assert "future" in refused(fleet, 422, None, deadline_at="2020-01-01T00:00:00Z")["error"]


def test_everything_at_once_in_a_large_wave(fleet):
    """Comes as a file, and is loaded by the child: the same fields."""
    base = fleet.submit("foundation", names(3))
    name = lambda i: f"q{i:04d}-" + "x" * 400
    projects = [{"project": name(i), **({"depends_on": [name(i - 500)]} if i >= 2500 else {})} for i in range(3000)]
    body = {"name": "large", "kind": "noop", "projects": projects, "batch_size": 500, "canary": 100, "max_failures": "1%",
            "depends_on": [base], "deadline_at": in_time(3600)}
    assert len(json.dumps(body)) > 1 << 20, "more than the loop itself takes"
    reply = fleet.http.post("/api/waves", body, timeout_s=60)
    assert reply.status == 201 and reply.data["status"] == "pending", reply
    wave = reply.data["wave_id"]
    assert fleet.http.get(f"/api/waves/{wave}").data["wave"]["depends_on"] == [base]
    assert fleet.wait_wave(wave, 120) == "completed"
    fleet.check_wave(wave, "completed", clean_within_s=20)


# ---- the table of transitions ----

def test_every_act_follows_the_one_table(fleet):
    """Each state is made, each act tried: what the table has not is 409 and names the state."""
    table = {(r["act"], r["was"]) for r in fleet.sql.rows("SELECT act, was::text AS was FROM wave_transitions")}
    calls = {"pause": lambda w: act(fleet, w, "pause"), "resume": lambda w: act(fleet, w, "resume"),
             "stop": lambda w: act(fleet, w, "stop"), "change": lambda w: change(fleet, w, batch_size=4),
             "reset": lambda w: act(fleet, w, "reset-status")}

    def make(state):
        if state == "ready":
            return fleet.submit(state, ["x"], start_at=in_time(3600))
        wave = fleet.submit(state, ["x"], params={"sleep_ms": 60_000} if state in ("running", "paused") else
                            {"fail": {"times": 1, "class": "data"}} if state == "error" else {})
        if state == "paused":
            act(fleet, wave, "pause")
        if state == "stopped":
            fleet.wait_wave(wave)
            act(fleet, wave, "reset-status")
            act(fleet, wave, "stop")
        wait_until(lambda: fleet.status(wave)["state"] == state, 20, state)
        return wave

    for state in ("ready", "running", "paused", "completed", "error", "stopped"):
        for name, call in calls.items():
            wave = make(state)
            reply = call(wave)
            if (name, state) in table:
                assert reply.status == 200, (name, state, reply)
            else:
                problem = assert_problem(reply, 409)
                assert state in problem["error"], (name, state, problem)
            if fleet.status(wave)["state"] in ("running", "paused"):
                act(fleet, wave, "stop")


def test_no_state_is_a_trap(fleet):
    """From every state a wave can be brought to its end and back to running; a migration to an end."""
    waves = fleet.sql.rows("SELECT act, was::text AS was, becomes::text AS becomes FROM wave_transitions")
    for state in ("ready", "running", "paused", "completed", "error", "stopped"):
        leads_to = {w["becomes"] for w in waves if w["was"] == state} | {state}
        assert leads_to & {"completed", "error", "stopped"} and "running" in leads_to, (state, leads_to)
    steps = {(r["was"], r["becomes"]) for r in fleet.sql.rows("SELECT was::text AS was, becomes::text AS becomes FROM migration_transitions")}
    assert {was for was, becomes in steps if becomes == "running"} == {"pending", "retrying"}, "only what was released runs"
    assert {becomes for was, becomes in steps if was == "completed"} == {"blocked", "pending"}, "what is completed is only restarted"
    for state in ("blocked", "pending", "running", "parked", "retrying"):
        assert {(state, end) for end in ("completed", "failed", "cancelled")} <= steps, state


def test_a_reset_behind_what_failed_is_refused(fleet):
    projects = [{"project": "a", "params": {"fail": {"times": 1, "class": "data"}}}, {"project": "b", "depends_on": ["a"]}]
    wave = fleet.submit("reset behind", projects)
    assert fleet.wait_wave(wave) == "error"
    ref = f"m{fleet.migrations(wave)['b']['id']}"
    problem = assert_problem(fleet.http.post(f"/api/migrations/{ref}/reset-status", {}), 409)
    assert '"a"' in problem["error"]
    fleet.check_wave(wave, "error")


def test_failures_that_are_mended_by_hand_were_not_seen(fleet):
    """The limit counts from what is failed when a person lets the wave go on, less what was mended since."""
    projects = [failing(*names(12)[:8])(n) for n in names(12)]
    wave = fleet.submit("mended", projects, batch_size=1, max_failures=2)
    assert fleet.wait_wave(wave, until=("paused",)) == "paused"
    wait_until(lambda: "running" not in states(fleet, wave), 20, "what runs to finish")
    seen = states(fleet, wave)["failed"]
    act(fleet, wave, "resume")
    assert fleet.wait_wave(wave, until=("paused", "error")) == "paused"
    for m in [m for m in fleet.migrations(wave).values() if m["state"] == "failed"][:seen]:
        assert fleet.http.post(f"/api/migrations/m{m['id']}/set-completed", {}).status == 200
    assert fleet.sql.value("SELECT failures_seen FROM waves WHERE wave_id = %s", wave) == 0
    act(fleet, wave, "stop")
    fleet.wait_wave(wave, until=("stopped",))
