"""Waves from the request to their end: window, fairness, exact progress,
restarts with history, logs while running, paging, idempotency."""

import re
import signal
from urllib.parse import quote

import pytest

from held import held
from http_client import OPEN
from invariants import snapshot
from wavefleet import SLOW, assert_problem, in_parallel, wait_until

SHELL = "/bin/sh"


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=2, concurrency=8, env={"WAVEFLEET_COMMAND_ALLOW": SHELL})


def names(count, prefix="project"):
    return [f"{prefix}-{i:05d}" for i in range(count)]


def needs_flag(folder):
    """A command that fails for good until <folder>/<project> exists."""
    return {"argv": [SHELL, "-c", 'test -e "$1" || { echo "no flag $1" >&2; exit 65; }', "sh", f"{folder}/{{project}}"]}


# ---- the plain way ----

def test_noop_wave_completes(fleet):
    reply = fleet.http.post("/api/waves", {"name": "plain", "kind": "noop", "project_uuids": names(20)})
    assert reply.status == 201
    assert {"wave_id", "workspace_id", "workspace_name", "status"} <= set(reply.data)
    wave = reply.data["wave_id"]
    assert re.fullmatch(r"\d{9,}_\d{12}", wave), wave
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    data = fleet.http.get(f"/api/waves/{wave}").data
    assert data["wave"]["id"] == wave and data["wave"]["name"] == "plain" and data["wave"]["status"] == "completed"
    assert data["wave"]["progress"] == {"total": 20, "completed": 20, "failed": 0}
    assert data["wave"]["batch_size"] == 3 and data["wave"]["kind"] == "noop"
    assert sorted(m["mb_project_uuid"] for m in data["migrations"]) == names(20)
    assert {m["status"] for m in data["migrations"]} == {"completed"}
    assert all(m["completed_at"] for m in data["migrations"])


def test_two_workers_settle_the_last_two_at_the_same_instant(make_own_fleet):
    """Each wave has two migrations of one length, one for each worker: its end is missed by neither
    and found by both at most once."""
    fleet = make_own_fleet(workers=2, concurrency=1)
    shared = []
    for _ in range(30):         # on a busy machine few of them meet
        waves = [fleet.submit(f"twins {i}", ["left", "right"], params={"sleep_ms": 30}, batch_size=2) for i in range(40)]
        for wave in waves:
            assert fleet.wait_wave(wave) == "completed"
            fleet.check_wave(wave, "completed")
        shared = fleet.sql.rows("""SELECT wave_no FROM migrations GROUP BY wave_no
            HAVING count(DISTINCT worker_id) = 2 AND max(finished_at) - min(finished_at) < interval '20 ms'""")
        if len(shared) >= 5:
            break
    assert len(shared) >= 5, "too few of them ended at the same time on two workers to show anything"


def test_list_of_waves(fleet):
    made = [fleet.wave_and_wait(f"listed {i}", names(2)) for i in range(3)]
    reply = fleet.http.get("/api/waves")
    assert reply.status == 200
    rows = [w for w in reply.data if w["id"] in made]
    assert [w["id"] for w in rows] == made[::-1], "newest first"
    wanted = {"id", "name", "workspace_id", "workspace_name", "status", "progress", "created_at", "updated_at", "completed_at"}
    assert all(wanted <= set(w) for w in rows)
    assert made[0] in [w["id"] for w in fleet.http.get("/api/waves?status=completed").data]
    assert made[0] not in [w["id"] for w in fleet.http.get("/api/waves?status=in_progress").data]


def test_lists_are_paged(fleet):
    wave = fleet.wave_and_wait("pages", names(25), batch_size=25)
    seen, cursor = [], None
    for _ in range(10):
        reply = fleet.http.get(f"/api/waves/{wave}/migrations?limit=10" + (f"&cursor={quote(str(cursor), safe='')}" if cursor else ""))
        assert reply.status == 200 and len(reply.data) <= 10
        seen += [m["mb_project_uuid"] for m in reply.data]
        cursor = reply.json.get("next_cursor")
        if not cursor:
            break
    assert len(seen) == 25 and sorted(seen) == names(25)
    assert len(fleet.http.get(f"/api/waves/{wave}/migrations?status=completed").data) == 25
    assert fleet.http.get(f"/api/waves/{wave}/migrations?status=error").data == []


def test_names_are_trimmed_and_empties_dropped(fleet):
    wave = fleet.wave_and_wait("trimmed", [" a ", "b", "", "   ", "\tc\n"])
    assert sorted(fleet.migrations(wave)) == ["a", "b", "c"]


def test_names_of_any_characters(fleet):
    odd = ["a/b", "Главная страница", "100% #1?&=+", '"quoted" \\ back', "😀"]
    wave = fleet.wave_and_wait("odd", odd)
    assert sorted(fleet.migrations(wave)) == sorted(odd)
    for name in odd:
        reply = fleet.http.get(f"/api/waves/{wave}/migrations/{quote(name, safe='')}/logs")
        assert reply.status == 200, f"{name}: {reply}"


def test_request_id_is_echoed_or_made(fleet):
    assert fleet.http.get("/api/waves", headers={"X-Request-Id": "abc-123"}).headers["X-Request-Id"] == "abc-123"
    assert fleet.http.get("/api/waves").headers["X-Request-Id"]


def test_health_is_open(fleet):
    for path in ("/api/health", "/livez", "/readyz"):
        assert fleet.http.get(path, token=OPEN).status == 200, path


def test_fleet_calls_answer(fleet):
    for path in ("/api/queues", "/api/workers", "/api/dead", "/api/migrations", "/api/logs/recent?limit=5"):
        assert fleet.http.get(path).json["success"] is True, path
    metrics = fleet.http.get("/metrics")
    assert metrics.status == 200 and "wavefleet_" in metrics.json


# ---- window and turns ----

def test_window_of_three_over_sixty(fleet):
    wave = fleet.submit("window", names(60), batch_size=3, params={"sleep_ms": 40})
    with fleet.sampling(wave, every_s=0.005) as sampler:
        fleet.wait_wave(wave)
    fleet.check_wave(wave, "completed")
    assert sampler.peak(wave) <= 3, f"in flight at most {sampler.peak(wave)}"
    rows = fleet.migrations(wave).values()
    starts, ends = sorted(r["started_at"] for r in rows), sorted(r["finished_at"] for r in rows)
    assert any(start < end for start, end in zip(starts[2:], ends)), "three at once"
    # the next starts as soon as one ends: mostly, whatever the machine does in between
    waited = sorted((start - end).total_seconds() for start, end in zip(starts[3:], ends))
    assert waited[len(waited) // 2] < 0.15 * SLOW, waited


def test_five_waves_share_in_turn(fleet):
    assert fleet.http.post("/api/queues/default/pause", {}).status == 200
    waves = [fleet.submit(f"share {i}", names(100), batch_size=100, params={"sleep_ms": 50}) for i in range(5)]
    with fleet.sampling(*waves, every_s=0.02):
        assert fleet.http.post("/api/queues/default/resume", {}).status == 200
        for wave in waves:
            fleet.wait_wave(wave, 60)
    for wave in waves:
        fleet.check_wave(wave, "completed")
    ends = [[r["finished_at"] for r in fleet.migrations(wave).values()] for wave in waves]
    first_end = min(max(of) for of in ends)
    done = [sum(at <= first_end for at in of) for of in ends]
    assert min(done) >= 40, done


def test_small_wave_is_not_held_up_by_a_wide_window(fleet):
    big = fleet.submit("wide", names(3000), batch_size=10000, params={"sleep_ms": 200})
    wait_until(lambda: snapshot(fleet.sql, big)["completed"] > 50, 20, "the wide wave under way")
    small = fleet.wave_and_wait("small", names(3), params={"sleep_ms": 20})
    after = snapshot(fleet.sql, big)
    assert after["completed"] < 1500, f"wide at {after['completed']}"
    fleet.check_wave(small, "completed")
    assert fleet.http.post(f"/api/waves/{big}/stop", {}).status == 200
    fleet.check_wave(big, "stopped")


# ---- progress and the end ----

def test_progress_is_exact_at_every_moment(fleet):
    looked = 0
    for _ in range(10):         # a machine that stands still may let a wave pass unseen
        wave = fleet.submit("exact", names(400), batch_size=50, params={"sleep_ms": 5})
        seen = []
        with fleet.sampling(wave, every_s=0.001) as sampler:
            def ended():
                now = fleet.status(wave)
                seen.append(now["progress"])
                return now["status"] == "completed"
            wait_until(ended, 30, "the end of the wave", every_s=0.01)
        done = [p["completed"] for p in seen]
        assert done == sorted(done) and done[-1] == 400 and all(p["total"] == 400 and p["failed"] == 0 for p in seen)
        fleet.check_wave(wave, "completed")
        looked = len(sampler.samples[wave])
        if looked > 20:
            break
    assert looked > 20


def test_a_wave_ends_once_when_two_workers_settle_the_last_two(fleet):
    waves = [fleet.submit(f"pair {i}", ["left", "right"], batch_size=2, params={"sleep_ms": 15}) for i in range(60)]
    for wave in waves:
        fleet.wait_wave(wave, 30)
    for wave in waves:
        fleet.check_wave(wave, "completed")


# ---- restarts, history ----

def test_restart_one_and_all_failed(fleet, tmp_path):
    tmp_path.chmod(0o755)
    projects = [{"project": p, "brz_project_id": 7000 + i} for i, p in enumerate(names(6, "site"))]
    (tmp_path / "site-00000").touch()
    wave = fleet.wave_and_wait("restarts", projects, "command", params=needs_flag(tmp_path))
    s = fleet.check_wave(wave, "error")
    assert (s["completed"], s["failed"]) == (1, 5)
    first = fleet.migrations(wave)
    assert {m["status"] for m in fleet.http.get(f"/api/waves/{wave}").data["migrations"]} == {"completed", "error"}

    (tmp_path / "site-00001").touch()
    reply = fleet.http.post(f"/api/waves/{wave}/migrations/site-00001/restart", {})
    assert reply.status in (200, 202), reply
    wait_until(lambda: fleet.migrations(wave)["site-00001"]["state"] == "completed", 20, "the restarted migration")
    fleet.wait_wave(wave, until=("error",))
    fleet.check_wave(wave, "error", restarts=1)

    for project in names(6, "site"):
        (tmp_path / project).touch()
    reply = fleet.http.post(f"/api/waves/{wave}/restart-all", {"mb_uuids": []})
    assert reply.status in (200, 202), reply
    assert reply.data["success"] == 4 and reply.data["failed"] == 0, reply
    assert {"total", "processed", "success", "failed", "details"} <= set(reply.data)
    fleet.wait_wave(wave, until=("completed",))
    fleet.check_wave(wave, "completed", restarts=2)

    rows = fleet.migrations(wave)
    assert {p: r["brz_project_id"] for p, r in rows.items()} == {p["project"]: p["brz_project_id"] for p in projects}
    assert {p: r["id"] for p, r in rows.items()} == {p: r["id"] for p, r in first.items()}
    history = fleet.attempts(rows["site-00001"]["id"])
    assert [(a["attempt"], a["outcome"]) for a in history] == [(1, "failed"), (2, "completed")]
    assert history[0]["class"] == "data" and history[0]["error"]
    assert all(a["worker_id"] and a["started_at"] and a["finished_at"] >= a["started_at"] for a in history)
    assert len(fleet.attempts(rows["site-00000"]["id"])) == 1, "a completed one is not run again"


def test_restart_named_ones_only(fleet, tmp_path):
    tmp_path.chmod(0o755)
    wave = fleet.wave_and_wait("named", names(3), "command", params=needs_flag(tmp_path))
    for project in names(3):
        (tmp_path / project).touch()
    reply = fleet.http.post(f"/api/waves/{wave}/restart-all", {"mb_uuids": [names(3)[1]]})
    assert reply.data["success"] == 1, reply
    wait_until(lambda: fleet.migrations(wave)[names(3)[1]]["state"] == "completed", 20, "the named one")
    fleet.wait_wave(wave, until=("error",))
    assert [m["state"] for _, m in sorted(fleet.migrations(wave).items())] == ["failed", "completed", "failed"]


def test_reset_status_then_restart(fleet, tmp_path):
    tmp_path.chmod(0o755)
    wave = fleet.wave_and_wait("reset", names(4), "command", params=needs_flag(tmp_path))
    reply = fleet.http.post(f"/api/waves/{wave}/reset-status", {})
    assert reply.status == 200 and {"message", "wave_status"} <= set(reply.data), reply
    s = snapshot(fleet.sql, wave)
    assert s["state"] == "ready" and s["failed"] == 0 and s["in_window"] == 0, s
    assert {m["state"] for m in fleet.migrations(wave).values()} == {"pending"}
    for project in names(4):
        (tmp_path / project).touch()
    assert fleet.http.post(f"/api/waves/{wave}/restart-all", {"mb_uuids": []}).status in (200, 202)
    fleet.wait_wave(wave, until=("completed",))
    fleet.check_wave(wave, "completed", restarts=2)


def test_what_runs_cannot_be_restarted(fleet, tmp_path):
    wave = fleet.submit("busy", ["one"], "command", params=held(tmp_path))
    wait_until(lambda: fleet.migrations(wave)["one"]["state"] == "running", 10, "a running migration")
    problem = assert_problem(fleet.http.post(f"/api/waves/{wave}/migrations/one/restart", {}), 409)
    assert "running" in problem["detail"] or "in_progress" in problem["detail"], "says which state"
    (tmp_path / "go").touch()
    fleet.wait_wave(wave)
    assert len(fleet.attempts(fleet.migrations(wave)["one"]["id"])) == 1
    fleet.check_wave(wave, "completed")


def test_attempts_are_shown(fleet):
    wave = fleet.wave_and_wait("shown", ["p"], "command",
                               params={"argv": [SHELL, "-c", 'test "$1" -ge 3 || exit 75', "sh", "{attempt}"]})
    shown = fleet.http.get(f"/api/waves/{wave}").data["migrations"][0]
    attempts = shown["attempts"]
    assert (len(attempts) if isinstance(attempts, list) else attempts) == 3, shown
    one = fleet.http.get(f"/api/migrations/m{fleet.migrations(wave)['p']['id']}")
    assert one.status == 200 and one.data["status"] == "completed", one
    assert {"mapping", "result", "status", "progress", "warnings", "wave"} <= set(one.data)


# ---- logs ----

def test_logs_can_be_read_while_it_runs(fleet, tmp_path):
    tmp_path.chmod(0o755)
    script = 'echo "begun $1"; echo "to standard error" >&2; while ! test -e "$2"; do sleep 0.05; done; echo "gone on"'
    wave = fleet.submit("logs", ["p"], "command",
                        params={"argv": [SHELL, "-c", script, "sh", "{project}", f"{tmp_path}/go"]})
    wait_until(lambda: any("begun p" in line for line in fleet.log_lines(wave, "p")), 15, "the first line while it runs")
    wait_until(lambda: any("to standard error" in line for line in fleet.log_lines(wave, "p")), 15, "standard error")
    assert fleet.migrations(wave)["p"]["state"] == "running"
    assert not any("gone on" in line for line in fleet.log_lines(wave, "p"))
    (tmp_path / "go").touch()
    fleet.wait_wave(wave)
    assert any("gone on" in line for line in fleet.log_lines(wave, "p"))
    assert fleet.http.get(f"/api/waves/{wave}/logs").status == 200


def test_logs_of_each_attempt(fleet):
    wave = fleet.wave_and_wait("attempt logs", ["p"], "command", params={
        "argv": [SHELL, "-c", 'echo "this is attempt $1"; test "$1" -ge 2 || exit 75', "sh", "{attempt}"]})
    of = lambda query: str(fleet.http.get(f"/api/waves/{wave}/migrations/p/logs{query}").data["logs"])
    assert "this is attempt 1" in of("") and "this is attempt 2" in of("")
    assert "this is attempt 1" in of("?attempt=1") and "this is attempt 2" not in of("?attempt=1")


# ---- idempotency ----

def test_a_key_hides_no_refusal(fleet):
    """What is refused for another reason than its key is told so, and the key is free for another go."""
    ended = fleet.submit("stopped", ["one"], params={"sleep_ms": 60000})
    assert fleet.http.post(f"/api/waves/{ended}/stop", {}).status == 200
    wait_until(lambda: fleet.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", ended), 20, "the end of the wave")
    body = {"name": "after it", "kind": "noop", "project_uuids": ["one"], "depends_on": [ended]}
    for _ in range(2):
        problem = assert_problem(fleet.http.post("/api/waves", body, headers={"Idempotency-Key": "refused"}), 409)
        assert problem["detail"].endswith("has ended as stopped") and problem["code"] == "conflict", problem
    reply = fleet.http.post("/api/waves", {**body, "depends_on": []}, headers={"Idempotency-Key": "refused"})
    assert reply.status == 201, reply


def test_idempotency_key(fleet):
    body = {"name": "once", "kind": "noop", "project_uuids": ["a", "b"]}
    first = fleet.http.post("/api/waves", body, headers={"Idempotency-Key": "key-1"})
    again = fleet.http.post("/api/waves", body, headers={"Idempotency-Key": '"key-1"'})
    assert first.status == again.status == 201 and first.data == again.data, "quoted or bare is the same key"
    assert_problem(fleet.http.post("/api/waves", {**body, "name": "other"}, headers={"Idempotency-Key": "key-1"}), 422)
    assert fleet.sql.value("SELECT count(*) FROM waves WHERE name = 'once'") == 1


def test_idempotency_key_at_the_same_moment(fleet):
    body = {"name": "at once", "kind": "noop", "project_uuids": ["a"]}
    post = lambda: fleet.http.post("/api/waves", body, headers={"Idempotency-Key": "key-2"})
    replies = in_parallel(*[post] * 10)
    assert {r.status for r in replies} <= {201, 409} and any(r.status == 201 for r in replies), replies
    assert len({r.data["wave_id"] for r in replies if r.status == 201}) == 1
    assert fleet.sql.value("SELECT count(*) FROM waves WHERE name = 'at once'") == 1


# ---- what monitoring reads ----

def test_depths_in_redis(make_own_fleet):
    fleet = make_own_fleet(workers=0)
    wave = fleet.submit("deep", names(50), batch_size=3)
    number = snapshot(fleet.sql, wave)["wave_no"]
    llen = lambda: fleet.redis.llen(f"wavefleet:wave:{number}:backlog") + fleet.redis.llen("wavefleet:queue:default")
    wait_until(lambda: llen() == 50, 10, "all fifty waiting in Redis")
    assert fleet.redis.llen("wavefleet:queue:default") <= 3
    assert all(i.isdigit() for i in fleet.redis.lrange(f"wavefleet:wave:{number}:backlog", 0, -1))
    wait_until(lambda: int(fleet.redis.get("wavefleet:depth:default") or 0) == 50, 10, "depth:default")
    fleet.start_worker(concurrency=4)
    fleet.wait_wave(wave)
    fleet.check_wave(wave, "completed")
    wait_until(lambda: int(fleet.redis.get("wavefleet:depth:default") or 0) == 0, 10, "depth:default back to 0")


def test_two_apis_are_one(make_own_fleet):
    fleet = make_own_fleet(workers=1)
    second = fleet.start_api()
    wave = second.http.post("/api/waves", {"name": "by the second", "kind": "noop", "project_uuids": names(5)}).data["wave_id"]
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")


def test_a_worker_drains_on_sigterm(make_own_fleet, tmp_path):
    fleet = make_own_fleet(workers=1, concurrency=4, env={"WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS": "8000",
                                                          "WAVEFLEET_COMMAND_ALLOW": SHELL})
    wave = fleet.submit("drain", names(12), "command", batch_size=4, params=held(tmp_path))
    wait_until(lambda: snapshot(fleet.sql, wave)["running"] == 4, 10, "four bodies running")
    worker = fleet.workers[0]
    worker.signal(signal.SIGTERM)
    wait_until(lambda: "worker.drains" in worker.text(), 10, "draining")
    (tmp_path / "go").touch()
    worker.expected_exit = 0
    assert worker.process.wait(20 * SLOW) == 0, worker.tail()
    fleet.forget(worker)
    s = snapshot(fleet.sql, wave)
    assert s["running"] == 0 and s["completed"] == 4, f"bodies under way finished, no other was begun: {s}"
    fleet.start_worker()
    fleet.wait_wave(wave)
    fleet.check_wave(wave, "completed")
    assert all(len(fleet.attempts(m["id"])) == 1 for m in fleet.migrations(wave).values())


def test_a_worker_hands_back_after_the_grace(make_own_fleet):
    fleet = make_own_fleet(workers=1, concurrency=2, env={"WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS": "300"})
    wave = fleet.submit("hand back", names(2), max_attempts=1, params={"sleep_ms": 5000})
    wait_until(lambda: snapshot(fleet.sql, wave)["running"] == 2, 10, "two bodies running")
    worker = fleet.workers[0]
    assert worker.stop() is None
    fleet.forget(worker)
    s = snapshot(fleet.sql, wave)
    assert s["in_window"] == 0 and s["failed"] == 0 and s["state"] == "running", f"handed back, nothing spent: {s}"
    fleet.start_worker()
    fleet.wait_wave(wave)
    fleet.check_wave(wave, "completed")
