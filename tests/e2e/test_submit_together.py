"""Small waves that are posted at the same time go into PostgreSQL together; each must be what it is when it is posted alone."""

import threading

from gate import DOWN
from http_client import Client
from wavefleet import TOKEN, assert_problem, in_parallel

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
BODIES = [
    {"name": "plain", "project_uuids": ["a", "b", "c"]},
    {"name": "Größe \"quoted\" \\ {1,2}", "project_uuids": ["ü", "NULL", "{}", "a,b", 'q"q']},
    {"name": "fields", "project_uuids": ["x"], "batch_size": 7, "priority": 8, "max_attempts": 2, "timeout_seconds": 61,
     "mgr_manual": True, "enable_cloning": True, "workspace_id": 12, "workspace_name": "NULL", "queue": "nobody-else"},
    {"name": "params", "project_uuids": [f"p{i}" for i in range(40)], "params": {"result": {"null": None, "quote": "\"'"}}},
    {"name": "projects", "projects": [{"project": "one", "brz_project_id": 5, "params": {"result": {"n": 1}}}, {"project": "two"},
                                      {"project": "three", "brz_project_id": 6}]},
]
COLUMNS = """name, kind, params::text AS params, state::text AS state, version, run_no, queue, priority, batch_size, max_attempts, timeout_ms,
    total, workspace_id, workspace_name, mgr_manual, cloning_enabled, note, traceparent, created_by, planned, start_at, deadline_at,
    canary, gate_id, max_failures, max_failures_percent, failures_seen, has_dependencies, completed_at, last_id - first_id AS span"""


def post(fleet, body):
    return Client(fleet.port, TOKEN).post("/api/waves", {"kind": "noop", "queue": "nobody", **body}, headers={"traceparent": TRACE})


def posted(fleet, gate, bodies):
    """At the same time; the answers in the order of the bodies."""
    gate.slow(0.2, DOWN)
    replies = in_parallel(*[lambda b=b: post(fleet, b) for b in bodies])
    gate.mend()
    return replies


def posted_together(fleet, gate, bodies):
    """The same; more than one went in one transaction, or the test proves nothing."""
    before = fleet.sql.value("SELECT coalesce(max(wave_no), 0) FROM waves")
    replies = posted(fleet, gate, bodies)
    made = fleet.sql.row("SELECT count(*) AS waves, count(DISTINCT xmin::text) AS commits FROM waves WHERE wave_no > %s", before)
    assert made["commits"] < made["waves"], made
    return replies


def what_it_is(fleet, wave_id):
    """The wave, its migrations and what was noted, without what differs from one to the next."""
    wave = fleet.sql.row(f"SELECT {COLUMNS} FROM waves WHERE wave_id = %s", wave_id)
    rows = fleet.sql.rows("""SELECT m.id - w.first_id AS place, m.project, m.brz_project_id, m.state::text AS state, m.attempt,
        m.params::text AS params, m.result, m.error FROM migrations m JOIN waves w USING (wave_no) WHERE w.wave_id = %s ORDER BY m.id""", wave_id)
    lines = fleet.sql.rows("SELECT l.line FROM wave_logs l JOIN waves w USING (wave_no) WHERE w.wave_id = %s ORDER BY l.id", wave_id)
    return wave, rows, lines


def test_together_as_alone(slow_api):
    fleet, gate = slow_api
    alone = [what_it_is(fleet, post(fleet, body).data["wave_id"]) for body in BODIES]
    replies = posted_together(fleet, gate, BODIES * 9)
    for i, reply in enumerate(replies):
        assert reply.status == 201
        assert what_it_is(fleet, reply.data["wave_id"]) == alone[i % len(BODIES)]
    assert len({r.data["wave_id"] for r in replies}) == len(replies)
    spans = fleet.sql.rows("SELECT first_id, last_id FROM waves ORDER BY first_id")
    assert all(a["last_id"] < b["first_id"] for a, b in zip(spans, spans[1:])), "each has ids of its own"


def test_they_run(slow_api):
    fleet, gate = slow_api
    fleet.start_workers(2, 4)
    replies = posted_together(fleet, gate, [{"name": f"run {i}", "project_uuids": [f"p{k}" for k in range(1 + i % 4)], "queue": "default"}
                                            for i in range(40)])
    for reply in replies:
        fleet.wait_wave(reply.data["wave_id"], 30)
        fleet.check_wave(reply.data["wave_id"], "completed")


def test_one_that_is_refused_harms_no_other(slow_api):
    fleet, gate = slow_api
    fleet.sql.execute("CREATE SEQUENCE tries")
    fleet.sql.execute("""CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM nextval('tries'), CASE WHEN NEW.name = 'bad' THEN refuse('WF409', 'not this one') END;
            RETURN NEW;
        END $$""")
    fleet.sql.execute("CREATE TRIGGER picky BEFORE INSERT ON waves FOR EACH ROW EXECUTE FUNCTION picky()")
    bodies = [{"name": "bad" if i % 9 == 4 else f"good {i}", "project_uuids": ["p"]} for i in range(60)]
    for body, reply in zip(bodies, posted(fleet, gate, bodies)):
        if body["name"] == "bad":
            assert assert_problem(reply, 409)["detail"] == "not this one"
        else:
            assert reply.status == 201 and what_it_is(fleet, reply.data["wave_id"])[0]["name"] == body["name"]
    assert fleet.sql.value("SELECT last_value FROM tries") > 60, "some went together, and then alone"
    assert fleet.sql.value("SELECT count(*) FROM waves") == sum(b["name"] != "bad" for b in bodies)
    assert fleet.sql.value("SELECT count(*) FROM migrations") == fleet.sql.value("SELECT count(*) FROM waves")


def test_more_than_fit_into_one(slow_api):
    """Groups are bounded by their migrations, too; a wave of more than a group takes goes alone."""
    fleet, gate = slow_api
    sizes = [500, 20, 511, 3, 512, 1, 513, 30, 600] * 4
    replies = posted_together(fleet, gate, [{"name": str(n), "project_uuids": [f"p{i}" for i in range(n)]} for n in sizes])
    for n, reply in zip(sizes, replies):
        wave, rows, _ = what_it_is(fleet, reply.data["wave_id"])
        assert wave["total"] == n == len(rows) and [r["place"] for r in rows] == list(range(n))
        assert [r["project"] for r in rows] == [f"p{i}" for i in range(n)]


def test_answers_are_lost(slow_api):
    """PostgreSQL goes away while groups are under way: everybody is answered (500 where nobody
    knows whether it was done), and who is told 201 has his wave."""
    fleet, gate = slow_api
    for _ in range(5):      # on a busy machine all may be answered before
        gate.mend()
        fleet.wait_ready(fleet.api)
        gate.slow(0.4, DOWN)
        going = threading.Timer(0.7, gate.cut)
        going.start()
        replies = in_parallel(*[lambda: post(fleet, {"name": "lost", "project_uuids": ["p"]}) for _ in range(120)])
        going.join()
        told = {r.data["wave_id"] for r in replies if r.status == 201}
        for reply in replies:
            assert reply.status == 201 or assert_problem(reply, (503, 500))
        assert told <= {r["wave_id"] for r in fleet.sql.rows("SELECT wave_id FROM waves")}
        if len(told) < len(replies):
            break
    assert len(told) < len(replies)
