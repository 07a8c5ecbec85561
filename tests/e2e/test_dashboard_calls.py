"""What pages ask for besides the lists: counts by state, finished by minute, rows by their number, attempts, what a worker does."""

import json
import time

import pytest

from gate import DOWN
from http_client import Client
from wavefleet import TOKEN, assert_problem, in_parallel, wait_until

ABSENT = "1700000000_000000000000"
FAIL_ONCE = {"params": {"fail": {"times": 1, "class": "temporary"}}}
FAIL_FOR_GOOD = {"params": {"fail": {"times": 9, "class": "data"}}}


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=1, concurrency=4)


def counted(fleet, wave):
    """What the counts should say, row by row."""
    states = {}
    for row in fleet.migrations(wave).values():
        states[row["state"]] = states.get(row["state"], 0) + 1
    return states


def test_counts_add_up(fleet):
    wave = fleet.submit("counted", [{"project": "a"}, {"project": "b", **FAIL_FOR_GOOD}, {"project": "c", "depends_on": ["b"]},
                                    {"project": "d", "params": {"sleep_ms": 60_000}}, {"project": "e", "depends_on": ["d"]}],
                        batch_size=5)
    wait_until(lambda: counted(fleet, wave) == {"completed": 1, "failed": 1, "cancelled": 1, "running": 1, "blocked": 1}, 20, "all states")
    assert fleet.http.get(f"/api/waves/{wave}/counts").data == {
        "total": 5, "pending": 1, "in_progress": 1, "completed": 1, "error": 1, "cancelled": 1,
        "states": {"blocked": 1, "pending": 0, "running": 1, "parked": 0, "retrying": 0, "completed": 1, "failed": 1, "cancelled": 1}}
    fleet.http.post(f"/api/waves/{wave}/stop", {})
    wait_until(lambda: counted(fleet, wave).get("cancelled") == 3, 20, "it to be stopped")
    data = fleet.http.get(f"/api/waves/{wave}/counts").data
    assert data["in_progress"] == data["pending"] == 0 and data["cancelled"] == 3
    assert_problem(fleet.http.get(f"/api/waves/{ABSENT}/counts"), 404)
    assert_problem(fleet.http.get("/api/waves/none/counts"), 404)


def test_throughput_of_minutes(fleet):
    """Rows put at chosen minutes: an ended wave is shown from its end backwards, and only what lies in the window."""
    wave = fleet.wave_and_wait("by minute", [{"project": f"p{i}", **(FAIL_FOR_GOOD if i < 2 else {})} for i in range(9)])
    fleet.sql.execute("UPDATE waves SET completed_at = '2026-03-01T10:05:30Z' WHERE wave_id = %s", wave)
    fleet.sql.execute("""UPDATE migrations m SET finished_at = '2026-03-01T10:05:30Z'::timestamptz - interval '1 minute' *
        (CASE WHEN project = 'p8' THEN 700 ELSE right(project, 1)::int / 2 END) FROM waves w
        WHERE w.wave_no = m.wave_no AND w.wave_id = %s""", wave)
    data = fleet.http.get(f"/api/waves/{wave}/throughput?minutes=5").data
    assert data["step_seconds"] == 60 and data["from"].startswith("2026-03-01T10:01:00") and data["until"].startswith("2026-03-01T10:05:30")
    assert (data["completed"], data["failed"], data["cancelled"]) == ([0, 2, 2, 2, 0], [0, 0, 0, 0, 2], [0] * 5)
    whole = fleet.http.get(f"/api/waves/{wave}/throughput?minutes=1440").data
    assert sum(whole["completed"]) == 7 and len(whole["completed"]) == 1440
    assert len(fleet.http.get(f"/api/waves/{wave}/throughput").data["completed"]) == 60
    for bad in ("0", "1441", "x"):
        assert_problem(fleet.http.get(f"/api/waves/{wave}/throughput?minutes={bad}"), (400, 422))
    assert_problem(fleet.http.get(f"/api/waves/{ABSENT}/throughput"), 404)


def test_throughput_of_a_wave_whose_rows_lie_apart(fleet):
    """It is found by its number then; the other way would read everything in between."""
    wave = fleet.wave_and_wait("apart", ["a", "b"])
    far = fleet.sql.value("SELECT max(id) + 1000000 FROM migrations")
    fleet.sql.execute("UPDATE migrations SET id = %s WHERE project = 'b' AND wave_no = (SELECT wave_no FROM waves WHERE wave_id = %s)", far, wave)
    fleet.sql.execute("UPDATE waves SET last_id = %s WHERE wave_id = %s", far, wave)
    assert sum(fleet.http.get(f"/api/waves/{wave}/throughput").data["completed"]) == 2


def test_throughput_while_it_runs(fleet):
    wave = fleet.submit("running", [f"r{i}" for i in range(400)], params={"sleep_ms": 60_000}, batch_size=400)
    assert sum(fleet.http.get(f"/api/waves/{wave}/throughput?minutes=2").data["completed"]) == 0
    fleet.http.post(f"/api/waves/{wave}/stop", {})
    cancelled = lambda: sum(fleet.http.get(f"/api/waves/{wave}/throughput?minutes=2").data["cancelled"])
    wait_until(lambda: cancelled() == 400, 70, "them to be counted")      # an answer is kept for a minute at most


def test_one_question_for_all_who_ask(slow_api):
    """PostgreSQL answers late: a hundred readers share one question, and the answer is told again for a while."""
    fleet, gate = slow_api
    wave = fleet.submit("watched", ["p"], queue="nobody")
    path = f"/api/waves/{wave}/throughput"
    fleet.http.get(path)
    time.sleep(1)
    gate.slow(0.5, DOWN)        # what takes so long is told again for ten seconds
    answers = in_parallel(*[lambda: Client(fleet.port, TOKEN).get(path).data["as_of"] for _ in range(60)])
    assert len(set(answers)) == 1
    again = fleet.http.get(path).data["as_of"]
    gate.mend()
    assert again == answers[0]


def test_who_waits_is_told_that_postgres_is_away(slow_api):
    fleet, gate = slow_api
    waves = [fleet.submit(f"away {i}", ["p"], queue="nobody") for i in range(40)]
    replies = []

    def ask(wave):
        replies.append(Client(fleet.port, TOKEN).get(f"/api/waves/{wave}/throughput"))

    def cut_when_the_line_is_full():
        wait_until(lambda: replies, 20, "one who is not let into the line")
        gate.cut()
    gate.stall(DOWN)
    in_parallel(cut_when_the_line_is_full, *[lambda w=w: ask(w) for w in waves])
    details = [assert_problem(r, 503)["detail"] for r in replies]
    assert any("wait to be made already" in d for d in details), "no more than a few wait"
    assert any("wait to be made already" not in d for d in details)


def test_rows_by_their_number(fleet):
    """Also where the status is that of all, and where rows were added behind those of another wave."""
    ended = fleet.wave_and_wait("numbered", [f"n{i:03}" for i in range(300)], batch_size=300)
    other = fleet.wave_and_wait("other", [{"project": f"o{i}", **(FAIL_FOR_GOOD if i % 3 == 0 else {})} for i in range(30)])
    failed = fleet.sql.value("SELECT id FROM migrations WHERE project = 'o0'")

    def names(wave, query):
        reply = fleet.http.get(f"/api/waves/{wave}/migrations?{query}").json
        return [m["mb_project_uuid"] for m in reply["data"]], reply["next_cursor"]
    wanted = [f"n{i:03}" for i in range(300)]
    for status in ("", "&status=completed", "&mb_project_uuid=n", "&text=N"):
        found, cursor = names(ended, f"offset=120&limit=50{status}")
        assert found == wanted[120:170], status
        assert names(ended, f"cursor={cursor}&limit=50{status}")[0] == wanted[170:220], status
        assert names(ended, f"cursor={cursor}&offset=10&limit=5{status}")[0] == wanted[180:185], status
        assert names(ended, f"offset=299&limit=50{status}") == (["n299"], None)
        assert names(ended, f"offset=300&limit=50{status}") == ([], None)
    assert names(ended, "offset=1&status=error") == ([], None)
    assert names(other, "offset=3&limit=3&status=error")[0] == ["o9", "o12", "o15"]
    assert names(other, "offset=3&limit=3&status=completed")[0] == ["o5", "o7", "o8"]
    moved = fleet.http.post(f"/api/migrations/m{failed}/add-to-wave", {"wave_id": ended})
    assert moved.status == 200, moved
    assert names(ended, "offset=299&limit=50")[0] == ["n299", "o0"]
    for bad in ("-1", "x", "99999999999"):
        assert_problem(fleet.http.get(f"/api/waves/{ended}/migrations?offset={bad}"), (400, 422))


def test_attempts_are_a_timeline(fleet):
    wave = fleet.submit("tried", [{"project": "t", "params": {"fail": {"times": 2, "class": "temporary"}, "sleep_ms": 300}}])
    fleet.wait_wave(wave)
    ref = f"m{fleet.migrations(wave)['t']['id']}"
    reply = fleet.http.get(f"/api/migrations/{ref}/attempts").json
    assert [(a["attempt"], a["outcome"], a["class"]) for a in reply["data"]] == [
        (3, "completed", None), (2, "failed", "temporary"), (1, "failed", "temporary")]
    assert reply["count"] == 3 and reply["next_cursor"] is None
    worker = fleet.workers[0]
    for a in reply["data"]:
        assert a["worker_id"] == fleet.worker_id(worker) and a["pid"] == worker.pid and a["state"] is None
        assert 0.2 <= a["seconds"] < 30 and a["started_at"] < a["finished_at"]
    page = fleet.http.get(f"/api/migrations/{ref}/attempts?limit=2").json
    assert [a["attempt"] for a in page["data"]] == [3, 2]
    assert [a["attempt"] for a in fleet.http.get(f"/api/migrations/{ref}/attempts?cursor={page['next_cursor']}").data] == [1]
    assert_problem(fleet.http.get("/api/migrations/m99999999/attempts"), 404)


def test_what_runs_is_an_attempt_and_is_what_its_worker_does(fleet):
    wave = fleet.submit("under way", ["u"], params={"sleep_ms": 60_000})
    wait_until(lambda: fleet.migrations(wave)["u"]["state"] == "running", 20, "it to run")
    ref = f"m{fleet.migrations(wave)['u']['id']}"
    (attempt,) = fleet.http.get(f"/api/migrations/{ref}/attempts").data
    assert attempt["attempt"] == 1 and attempt["state"] == "running" and attempt["outcome"] is attempt["finished_at"] is None
    its_id = fleet.worker_id(fleet.workers[0])
    shown = fleet.http.get(f"/api/workers/{its_id}").data
    assert shown["alive"] is True and shown["ended_at"] is None and shown["running"] == 1
    (run,) = shown["runs"]
    assert (run["ref"], run["wave_id"], run["wave_name"], run["mb_project_uuid"], run["attempt"], run["ending"]) == (
        ref, wave, "under way", "u", 1, False)
    (listed,) = fleet.http.get("/api/workers").data
    assert {k: listed[k] for k in listed if k != "runs"}.items() <= {**shown, "beat": listed["beat"]}.items()
    assert [r["ref"] for r in listed["runs"]] == [ref]
    (queue,) = [q for q in fleet.http.get("/api/queues").data if q["name"] == "default"]
    assert queue["in_flight"] == 1
    fleet.http.post(f"/api/waves/{wave}/stop", {})
    fleet.wait_wave(wave, until=("stopped",))
    wait_until(lambda: fleet.http.get(f"/api/workers/{its_id}").data["running"] == 0, 20, "it to be idle")
    for unknown in ("0", "99999999", "x", "9" * 30):
        assert_problem(fleet.http.get(f"/api/workers/{unknown}"), 404)


def test_a_worker_that_is_gone(make_own_fleet):
    fleet = make_own_fleet(workers=2, concurrency=1)
    its_id = fleet.worker_id(fleet.workers[0])
    fleet.workers[0].kill()
    wait_until(lambda: fleet.http.get(f"/api/workers/{its_id}").data["alive"] is False, 20, "its death to be noticed")
    shown = fleet.http.get(f"/api/workers/{its_id}").data
    assert shown["end_reason"] in ("process_gone", "lease") and shown["ended_at"] and shown["runs"] == []


def test_a_worker_with_much_to_do_is_listed_in_part(make_own_fleet):
    """Thousands may be claimed ahead: the list shows the hundred that have run longest, and how many there are."""
    fleet = make_own_fleet(watched=False)
    worker = fleet.sql.value("""INSERT INTO workers (name, host, boot_id, pid_ns, pid, pid_started, queues, concurrency, version, lease_ms, protocol)
        VALUES (gen_random_uuid(), 'h', 'b', 'n', 1, 1, '{default}', 64, '0', 15000, 4) RETURNING worker_id""")
    wave = fleet.submit("many", [f"m{i:04}" for i in range(1_200)], queue="nobody")
    fleet.sql.execute("""UPDATE migrations SET state = 'running', worker_id = %s, attempt = 1,
        started_at = now() - interval '1 second' * (2000 - right(project, 4)::int)""", worker)
    fleet.sql.execute("INSERT INTO active (migration_id, wave_no, state, worker_id, attempt) SELECT id, wave_no, state, worker_id, 1 FROM migrations")
    (listed,) = fleet.http.get("/api/workers").data
    shown = fleet.http.get(f"/api/workers/{worker}").data
    assert listed["running"] == shown["running"] == 1_200 and wave == shown["runs"][0]["wave_id"]
    assert [r["mb_project_uuid"] for r in listed["runs"]] == [f"m{i:04}" for i in range(100)]
    assert [r["mb_project_uuid"] for r in shown["runs"]] == [f"m{i:04}" for i in range(1_000)], json.dumps(shown["runs"][:3])
