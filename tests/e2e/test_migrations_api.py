"""The calls about one migration, the webhook, settings and the fleet. Mostly without workers: a test
puts a row into the state it wants, as a claim would, and looks at everything that an act must keep
right: the row, progress, active, dead letters, history, the wave, Redis."""

import hashlib
import hmac
import json
import time
import urllib.parse
import urllib.request

import pytest

from gate import Gate
from http_client import OPEN
from invariants import disagreements, fingerprint, snapshot
from remote_setup import QUICK_REMOTE, SECRET, SITE, store_secret, targets
from stack import moved_to, server_address
from wavefleet import assert_problem, free_port, in_parallel, wait_until

STATES = ("pending", "running", "parked", "retrying", "completed", "failed", "cancelled")
PATIENT = {"WAVEFLEET_REMOTE_START_TIMEOUT_MS": "20000"}     # this machine may stand still for two seconds


@pytest.fixture(scope="module")
def fleet(make_fleet, migration_server):
    fleet = make_fleet(workers=0, watched=False, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url, **PATIENT})
    fleet.sql.execute("""INSERT INTO workers (name, slot, host, boot_id, pid_ns, pid, pid_started, queues,
        concurrency, version, lease_ms, protocol) VALUES (gen_random_uuid(), 7, 'a host', 'b', 'n', 1, 1, '{default}', 4, '1', 60000, 4)""")
    return fleet


NUMBER = iter(range(100_000, 900_000, 100))


class Row:
    """One migration of a wave of its own with two projects; the other one stays pending."""

    def __init__(self, fleet, state="pending", kind="remote", other="pending"):
        self.fleet, self.sql = fleet, fleet.sql
        self.target = next(NUMBER)
        self.project = f"project-{self.target}"
        fields = {"workspace_id": 77} if kind == "remote" else {}
        self.wave = fleet.submit(f"wave {self.target}", targets([self.project, "other"], self.target), kind,
                                 max_attempts=3, **fields)
        row = fleet.migrations(self.wave)[self.project]
        self.id, self.wave_no = row["id"], row["wave_no"]
        other_id = fleet.migrations(self.wave)["other"]["id"]
        if other != "pending":
            put(fleet.sql, other_id, other)
        if state != "pending":
            put(fleet.sql, self.id, state)

    @property
    def now(self):
        return self.fleet.migrations(self.wave)[self.project]

    @property
    def state(self):
        return self.now["state"]

    @property
    def wave_row(self):
        return self.sql.row("SELECT *, state::text AS state FROM waves WHERE wave_no = %s", self.wave_no)

    def call(self, method, path, body=None, **options):
        return self.fleet.http.request(method, f"/api/migrations/m{self.id}{path}", body, **options)

    def post(self, path, body=None):
        return self.call("POST", path, body if body is not None else {})

    def end_wave(self):
        """As wave_end does, where no row is left that is not terminal."""
        self.sql.execute("""UPDATE waves w SET state = CASE WHEN s.failed > 0 THEN 'error' ELSE 'completed' END::wave_state,
                completed_at = now(), version = version + 1
            FROM (SELECT sum(failed) AS failed FROM wave_progress WHERE wave_no = %s) s WHERE wave_no = %s""",
                         self.wave_no, self.wave_no)

    def check(self):
        """What must hold at every commit."""
        wrong = disagreements(snapshot(self.sql, self.wave))
        assert not wrong, wrong
        rows = {r["id"]: r["state"] for r in self.sql.rows(
            "SELECT id, state::text FROM migrations WHERE wave_no = %s", self.wave_no)}
        active = {r["id"]: r["state"] for r in self.sql.rows(
            "SELECT migration_id AS id, state::text FROM active WHERE wave_no = %s", self.wave_no)}
        assert active == {i: s for i, s in rows.items() if s in ("running", "parked", "retrying")}
        dead = {r["id"] for r in self.sql.rows("SELECT migration_id AS id FROM dead WHERE wave_no = %s", self.wave_no)}
        assert dead == {i for i, s in rows.items() if s == "failed"}
        history = [a["attempt"] for a in self.fleet.attempts(self.id)]
        assert history == sorted(set(history)) and (not history or history[-1] <= self.now["attempt"])

    def lined_up(self):
        """Whether Redis has the id where a worker will get it."""
        places = [k for k in self.fleet.redis.scan_iter("wavefleet:*") if k.endswith(":backlog") or ":queue:" in k]
        return any(str(self.id) in self.fleet.redis.lrange(k, 0, -1) for k in places)

    # ---- webhooks ----

    def token(self, attempt=None):
        key = bytes.fromhex(self.sql.value("SELECT value FROM settings WHERE key = 'webhook_key'"))
        what = f"{self.id}.{attempt or self.now['attempt']}"
        return f"m{what}.{hmac.new(key, what.encode(), hashlib.sha256).hexdigest()}"

    def webhook(self, token=None, attempt=None, raw=None, **fields):
        body = {"mb_project_uuid": self.project, "brz_project_id": self.target, **fields}
        return self.fleet.http.post(f"/api/webhooks/migration-result?token={token or self.token(attempt)}",
                                    raw if raw is not None else body, token=OPEN)

    def verdicts(self):
        return [r["verdict"] for r in self.sql.rows("SELECT verdict FROM webhooks WHERE migration_id = %s ORDER BY id", self.id)]


def put(sql, migration_id, state):
    """Takes a pending row to a state, with all that claims and settlements would have written."""
    terminal = state in ("completed", "failed", "cancelled")
    claimed = state != "cancelled"
    in_window = state in ("running", "parked")
    with sql.cursor() as c:
        c.execute("BEGIN")
        c.execute("""UPDATE migrations SET state = %s, attempt = attempt + %s, worker_id = (SELECT min(worker_id) FROM workers),
                started_at = now(), updated_at = now(), spent = %s, finished_at = CASE WHEN %s THEN now() END,
                error = CASE WHEN %s IN ('failed', 'retrying') THEN 'of before' END,
                class = CASE WHEN %s IN ('failed', 'retrying') THEN 'temporary'::error_class END,
                memo = CASE WHEN %s = 'parked' THEN jsonb_build_object('start', 'accepted', 'brz_project_id', brz_project_id,
                    'attempt', 1, 'start_sent_at', (extract(epoch FROM now()) * 1000)::bigint) END
            WHERE id = %s AND state = 'pending' RETURNING wave_no, attempt""",
                  (state, int(claimed), int(state in ("failed", "retrying")), terminal, state, state, state, migration_id))
        row = c.fetchone()
        c.execute("""INSERT INTO wave_progress AS p (wave_no, shard, claimed, released, completed, failed, cancelled)
            VALUES (%s, 7, %s, %s, %s, %s, %s) ON CONFLICT (wave_no, shard) DO UPDATE SET claimed = p.claimed + excluded.claimed,
            released = p.released + excluded.released, completed = p.completed + excluded.completed,
            failed = p.failed + excluded.failed, cancelled = p.cancelled + excluded.cancelled""",
                  (row["wave_no"], int(claimed), int(claimed and not in_window),
                   int(state == "completed"), int(state == "failed"), int(state == "cancelled")))
        if not terminal:
            c.execute("""INSERT INTO active (migration_id, wave_no, state, worker_id, attempt, due_at)
                VALUES (%s, %s, %s, CASE WHEN %s = 'running' THEN (SELECT min(worker_id) FROM workers) END, %s,
                        CASE WHEN %s <> 'running' THEN now() + interval '1 hour' END)""",
                      (migration_id, row["wave_no"], state, state, row["attempt"], state))
        if state == "failed":
            c.execute("INSERT INTO dead (migration_id, wave_no, class) VALUES (%s, %s, 'temporary')", (migration_id, row["wave_no"]))
        if claimed and not in_window:
            c.execute("""INSERT INTO attempts_kept (migration_id, attempt, outcome, error) VALUES (%s, %s, %s, %s)""",
                      (migration_id, row["attempt"], "completed" if state == "completed" else "failed",
                       None if state == "completed" else "of before"))
        c.execute("COMMIT")


def all_of_it(fleet):
    """Everything that a refused request must leave as it was; turns at the migration server pass by themselves.
    The API asks Redis for the queues behind what it had still to tell it."""
    assert fleet.http.get("/api/queues").status == 200
    tables, keys = fingerprint(fleet.sql, fleet.redis)
    return tables, {k: v for k, v in keys.items() if ":rate:" not in k}


def start_there(row, server, **rules):
    """The migration server runs the row's pair, as if a worker had started it."""
    server.app.control({"projects": {row.project: {"webhook": "never", **rules}}})
    query = urllib.parse.urlencode({
        "mb_project_uuid": row.project, "brz_project_id": row.target, "mb_site_id": 1, "mb_secret": "s",
        "webhook_url": "http://127.0.0.1:9/", "webhook_mb_project_uuid": row.project, "webhook_brz_project_id": row.target})
    assert urllib.request.urlopen(f"{server.url}/?{query}", timeout=10).status == 202


# ---- the list ----

def test_list(fleet):
    row = Row(fleet, "failed")
    whole = fleet.http.get("/api/migrations").json
    ids = [int(m["ref"][1:]) for m in whole["data"]]
    assert ids == sorted(ids, reverse=True) and whole["count"] == len(ids) and row.id in ids
    shown = fleet.http.get(f"/api/migrations?brz_project_id={row.target}").data
    assert len(shown) == 1
    expected = {"id": row.target, "mb_project_uuid": row.project, "brz_project_id": row.target, "status": "error",
                "changes_json": {}, "result": None, "migration_uuid": row.wave, "error": "of before", "attempts": 1}
    assert {k: shown[0][k] for k in expected} == expected
    assert {"created_at", "updated_at", "brizy_project_domain", "mb_project_domain", "mb_site_id", "mb_product_name",
            "theme", "progress", "migration_id", "date"} <= set(shown[0])


def test_list_filters(fleet):
    of = {state: Row(fleet, state) for state in STATES}
    statuses = {"pending": ["pending"], "in_progress": ["running", "parked", "retrying"], "completed": ["completed"],
                "error": ["failed"], "cancelled": ["cancelled"]}
    for status, states in statuses.items():
        for query in (f"status={status}", f"status={status}&mb_project_uuid=project-"):
            found = fleet.http.get(f"/api/migrations?{query}").data
            refs = {m["ref"] for m in found}
            assert {m["status"] for m in found} == {status}
            for state, row in of.items():
                assert (f"m{row.id}" in refs) == (state in states), (query, state)
    name = of["failed"].project
    for prefix in (name, name[:-1]):
        assert name in {m["mb_project_uuid"] for m in fleet.http.get(f"/api/migrations?mb_project_uuid={prefix}").data}
    assert fleet.http.get(f"/api/migrations?mb_project_uuid={name[1:]}").data == []
    number = of["failed"].target
    assert fleet.http.get(f"/api/migrations?brz_project_id={number}&status=completed").data == []


def test_list_in_pages(fleet):
    fleet.submit("pages", [f"paged-{i}" for i in range(25)])
    whole = [m["ref"] for m in fleet.http.get("/api/migrations?mb_project_uuid=paged-").data]
    assert len(whole) == 25
    paged, cursor = [], ""
    while True:
        page = fleet.http.get(f"/api/migrations?mb_project_uuid=paged-&limit=10{cursor}").json
        paged += [m["ref"] for m in page["data"]]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert paged == whole


@pytest.mark.parametrize("query", ["status=failed", "brz_project_id=x", "brz_project_id=-1", "limit=501", "limit=0", "cursor=x"])
def test_list_refuses(fleet, query):
    assert_problem(fleet.http.get(f"/api/migrations?{query}"), (400, 422))


# ---- one ----

def test_show(fleet):
    row = Row(fleet, "failed", kind="noop")
    for name in (f"m{row.id}", row.target):
        one = fleet.http.get(f"/api/migrations/{name}").data
        assert one["status"] == "error" and one["state"] == "failed" and one["error"] == "of before"
        assert one["mapping"]["mb_project_uuid"] == row.project and one["mapping"]["brz_project_id"] == row.target
        assert one["wave"]["id"] == row.wave and one["result"] is None and one["result_data"] == {} and one["warnings"] == []
        assert [(a["attempt"], a["outcome"]) for a in one["history"]] == [(1, "failed")]


def test_a_target_means_its_newest_migration(fleet):
    row = Row(fleet, "failed", kind="noop")
    fleet.submit("again", [{"project": "newer", "brz_project_id": row.target}])
    assert fleet.http.get(f"/api/migrations/{row.target}").data["mapping"]["mb_project_uuid"] == "newer"


def test_unknown_ones(fleet):
    for name in ("m999999999", "99999999", "x", "m", "0", "m0", "-1", "9" * 30, "m1x", "%20"):
        assert_problem(fleet.http.get(f"/api/migrations/{name}"), 404)
        assert_problem(fleet.http.post(f"/api/migrations/{name}/restart", {}), 404)


# ---- asking the migration server ----

@pytest.mark.parametrize("path", ["", "/process", "/webhook-info", "/status-from-server"])
def test_the_end_is_seen_by_asking(fleet, migration_server, path):
    row = Row(fleet, "parked")
    start_there(row, migration_server, run_ms=200)
    wait_until(lambda: row.call("GET", path).status == 200 and row.state == "completed", 15, "settled by asking", every_s=0.3)
    row.check()
    assert row.now["result"]["brizy_project_domain"] == f"project-{row.target}.brizy.example"
    assert [(a["attempt"], a["outcome"]) for a in fleet.attempts(row.id)] == [(1, "completed")]
    one = row.call("GET", "").data
    assert one["status"] == "completed" and one["brizy_project_domain"] == f"project-{row.target}.brizy.example"


def test_an_error_seen_by_asking_is_tried_again(fleet, migration_server):
    row = Row(fleet, "parked")
    start_there(row, migration_server, run_ms=50, outcome="error", error="Ошибка")
    wait_until(lambda: row.call("GET", "/process").status == 200 and row.state == "retrying", 15, "settled", every_s=0.3)
    row.check()
    now = row.now
    assert now["error"] == "Ошибка" and now["class"] == "temporary" and now["spent"] == 1
    assert now["memo"]["start"] == "ended", "the next attempt must not take this end for its own"


def test_process(fleet, migration_server):
    row = Row(fleet, "parked")
    start_there(row, migration_server, run_ms=60_000)
    reply = row.call("GET", "/process").json
    assert reply["success"] is True and reply["source"] == "migration_server" and reply["lock_file_exists"] is True
    process = reply["process"]
    assert process["running"] is True and process["status"] == "in_progress" and process["current_stage"] == "страницы"
    assert process["started_at"] and process["updated_at"] and process["message"] and process["progress"]["total"] == 20
    assert reply["server_status"]["status"] == "in_progress"
    assert row.state == "parked"


def test_the_server_is_asked_once_in_three_seconds(fleet, migration_server):
    row = Row(fleet, "parked")
    start_there(row, migration_server, run_ms=60_000)
    asked = lambda: len(migration_server.app.report(row.project)["statuses"])
    begun = time.monotonic()
    replies = in_parallel(*[lambda: row.call("GET", "/process")] * 10)
    row.call("GET", "/webhook-info")
    assert {r.status for r in replies} == {200} and 1 <= asked() <= 1 + (time.monotonic() - begun) // 3
    removed = lambda: row.call("GET", "/process").status == 200 and row.call("DELETE", "/cache").data["removed"]
    wait_until(removed, 10, "an answer that was kept to be removed")
    before = asked()
    assert row.call("DELETE", "/cache").data == {"removed": False}
    row.call("GET", "/process")
    assert asked() == before + 1
    time.sleep(3.1)
    row.call("GET", "/process")
    assert asked() == before + 2


def test_an_end_of_yesterday_settles_nothing(fleet, migration_server):
    row = Row(fleet, "parked")
    migration_server.app.control({"projects": {row.project: {"earlier": {"status": "completed", "age_s": 3600}}}})
    reply = row.call("GET", "/process").json
    assert reply["server_status"]["status"] == "completed" and "earlier" in reply["process"]["message"]
    assert row.state == "parked"
    assert row.call("GET", "/status-from-server").data["status"] == "completed"
    row.check()


def test_a_migration_the_server_does_not_know(fleet):
    row = Row(fleet, "parked")
    assert row.call("GET", "/status-from-server").data["status"] == "unknown"
    assert row.call("GET", "/process").json["server_status"]["status"] == "unknown"
    assert row.state == "parked"


def test_kinds_without_a_server(fleet):
    row = Row(fleet, "running", kind="noop")
    reply = row.call("GET", "/process").json
    assert reply["source"] == "database" and reply["server_status"] is None and "noop" in reply["process"]["message"]
    assert_problem(row.call("GET", "/status-from-server"), 409)
    assert row.call("GET", "/webhook-info").data["webhook_registered"] is False


@pytest.mark.parametrize("fault", ["500", "html", "empty", "truncated", "types", "reset"])
def test_a_server_with_bad_manners(fleet, migration_server, fault):
    row = Row(fleet, "parked")
    start_there(row, migration_server, run_ms=0, status_fault=fault, status_fault_times=100)
    time.sleep(0.1)
    reply = row.call("GET", "/process")
    assert reply.status == 200 and reply.json["source"] == "database" and reply.json["process"]["message"], reply
    assert_problem(row.call("GET", "/status-from-server"), 502)
    assert row.state == "parked"


def test_server_away(make_own_fleet):
    fleet = make_own_fleet(watched=False, env={**QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": f"http://u:pass-word@127.0.0.1:{free_port()}"})
    row = Row(fleet, "parked")
    assert row.call("GET", "/process").json["source"] == "database"
    assert row.call("GET", "").data["status"] == "in_progress"
    for path in (f"/api/migrations/m{row.id}/status-from-server", "/api/migration-server/health", "/api/migration-server/handshake"):
        problem = assert_problem(fleet.http.get(path), 502)
        assert "pass-word" not in json.dumps(problem)
    logs = row.call("GET", "/logs").data
    assert logs["server_log"] == [] and logs["server_error"]
    row.check()


def test_the_limit_of_the_fleet(make_own_fleet, migration_server):
    """Ten calls a second in all: who would have to wait long is answered without."""
    fleet = make_own_fleet(watched=False, env={**QUICK_REMOTE, **PATIENT, "WAVEFLEET_REMOTE_RATE_PER_S": "10",
                                               "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url})

    def most_in_a_second(name, first):
        wave = fleet.submit(name, targets([f"{name}-{i}" for i in range(60)], first), "remote", workspace_id=1)
        ids = [m["id"] for m in fleet.migrations(wave).values()]
        begun = time.monotonic()
        replies = in_parallel(*[lambda i=i: fleet.http.get(f"/api/migrations/m{i}/process") for i in ids])
        took_s = time.monotonic() - begun
        assert {r.status for r in replies} == {200}
        assert {r.json["source"] for r in replies} == {"migration_server", "database"}
        times = sorted(s["at"] for i in range(60) for s in migration_server.app.report(f"{name}-{i}")["statuses"])
        assert 15 <= len(times) <= 10 * took_s + 10, (len(times), took_s)
        return max(sum(1 for u in times if t <= u < t + 1) for t in times)
    # a machine that stands still heaps up what was spread; a limit that does not hold is passed each time
    assert any(most_in_a_second(f"limit-{n}", 1_000_000 + 100 * n) <= 14 for n in range(3))


def test_logs_of_both(fleet):
    row = Row(fleet, "failed")
    fleet.sql.execute("INSERT INTO migration_logs (migration_id, attempt, stream, line) SELECT %s, 1, 'out', 'line ' || n FROM generate_series(1, 5) n", row.id)
    for path in (f"/api/migrations/m{row.id}/logs", f"/api/logs/m{row.id}", f"/api/logs/{row.target}"):
        data = fleet.http.get(path).data
        assert data["logs"] == [f"line {n}" for n in range(1, 6)] + [f"лог проекта {row.target}", "страница 1 готова"]
    data = row.call("GET", "/logs?limit=2&after=0").data
    assert data["logs"] == ["line 1", "line 2"] and data["more"] is True
    assert row.call("GET", f"/logs?after={data['next_after']}").data["logs"] == ["line 3", "line 4", "line 5"]
    assert row.call("GET", "/logs?attempt=2&after=0").data["logs"] == []
    recent = fleet.http.get("/api/logs/recent?limit=3").json
    assert [line["line"] for line in recent["data"]] == ["line 5", "line 4", "line 3"] and recent["count"] == 3
    assert recent["data"][0]["mb_project_uuid"] == row.project
    assert_problem(fleet.http.get("/api/logs/recent?limit=0"), 422)


# ---- acts ----

# act, body, from state -> (status of the answer, state afterwards); None: as it was
ACTS = {
    ("restart", ()): {"retrying": (200, "pending"), "completed": (200, "pending"), "failed": (200, "pending"),
                      "cancelled": (200, "pending")},
    ("kill", ()): {"running": (202, None), "parked": (200, "failed"), "retrying": (200, "failed")},
    ("kill", (("force", True),)): {"pending": (200, "failed"), "running": (202, None), "parked": (200, "failed"),
                                   "retrying": (200, "failed")},
    ("cancel", ()): {**{s: (200, "cancelled") for s in ("pending", "parked", "retrying", "cancelled")}, "running": (202, None)},
    ("reset-status", ()): {"pending": (200, "pending"), "retrying": (200, "pending"), "completed": (200, "pending"),
                           "failed": (200, "pending"), "cancelled": (200, "pending")},
    ("hard-reset", ()): {"pending": (200, "pending"), "running": (202, None), "parked": (200, "pending"),
                         "retrying": (200, "pending"), "completed": (200, "pending"), "failed": (200, "pending"),
                         "cancelled": (200, "pending")},
    ("set-completed", (("brizy_project_domain", "x.example"),)): {
        s: (200, "completed") for s in STATES if s != "running"},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("act,body", ACTS, ids=[a + ("!" if dict(b).get("force") else "") for a, b in ACTS])
def test_act(fleet, act, body, state):
    row = Row(fleet, state)
    before, version = row.now, row.wave_row["version"]
    wanted = ACTS[act, body].get(state)
    reply = row.post(f"/{act}", dict(body))
    row.check()
    now = row.now
    assert now["attempt"] >= before["attempt"] and now["brz_project_id"] == row.target
    if wanted is None:
        problem = assert_problem(reply, 409)
        assert state in problem["detail"], "names the state"
        assert now == before and row.wave_row["version"] == version
        return
    assert reply.status == wanted[0] and reply.data["message"], reply
    assert now["state"] == (wanted[1] or state)
    if (act, state) == ("cancel", "cancelled"):
        assert reply.data["changed"] is False and now == before and row.wave_row["version"] == version
        return
    assert row.wave_row["version"] > version
    if wanted[1] == "pending":
        assert now["spent"] == 0 and now["error"] is None and now["class"] is None
        wait_until(row.lined_up, 5, "the id in Redis")
    if wanted[1] == "completed":
        assert now["result"]["brizy_project_domain"] == "x.example"
        assert [a["outcome"] for a in fleet.attempts(row.id)][-1] == "completed"
    if wanted[0] == 202:
        asked = fleet.sql.row("SELECT cancel, cancel_note FROM active WHERE migration_id = %s", row.id)
        assert asked["cancel"] == {"kill": "fail", "cancel": "cancel", "hard-reset": "reset"}[act] and asked["cancel_note"]
    if state == "parked":
        assert [(a["attempt"], a["outcome"]) for a in fleet.attempts(row.id)] == [
            (1, {"failed": "failed", "pending": "handed_back", "completed": "completed", "cancelled": "cancelled"}[wanted[1]])]


@pytest.mark.parametrize("act,ends", [("cancel", "cancelled"), ("kill", "failed"), ("set-completed", "completed")])
def test_what_others_wait_for(fleet, act, ends):
    """A blocked row that is ended leaves the count of blocked ones; a row that others wait for leaves a
    reminder, which is gone once they have been judged."""
    row = Row(fleet, "pending")
    other = fleet.migrations(row.wave)["other"]["id"]
    fleet.sql.execute("UPDATE waves SET has_dependencies = true WHERE wave_no = %s", row.wave_no)
    fleet.sql.execute("INSERT INTO dependencies (migration_id, on_id, wave_no) VALUES (%s, %s, %s)", other, row.id, row.wave_no)
    fleet.sql.execute("UPDATE migrations SET state = 'blocked' WHERE id = %s", other)
    fleet.sql.execute("""INSERT INTO wave_progress AS p (wave_no, shard, blocked) VALUES (%s, 7, 1)
        ON CONFLICT (wave_no, shard) DO UPDATE SET blocked = p.blocked + 1""", row.wave_no)
    blocked = lambda: fleet.sql.value("SELECT sum(blocked) FROM wave_progress WHERE wave_no = %s", row.wave_no)
    body = {"force": True} if act == "kill" else {}
    assert row.post(f"/{act}", body).status == 200 and row.state == ends
    judged = lambda: fleet.migrations(row.wave)["other"]["state"] != "blocked"
    reminded = lambda: fleet.sql.value("SELECT count(*) FROM unresolved WHERE migration_id = %s", row.id) == 1
    wait_until(lambda: reminded() or judged(), 5, "the reminder")
    if not judged():
        assert blocked() == 1
        assert fleet.http.post(f"/api/migrations/m{other}/{act}", body).status == 200
    assert blocked() == 0
    row.check()


@pytest.mark.parametrize("state", STATES)
def test_unlock(fleet, state):
    row = Row(fleet, state)
    reply = row.call("DELETE", "/lock")
    row.check()
    assert reply.status == (202 if state == "running" else 200)
    assert reply.data["removed"] is (state in ("running", "parked"))
    assert row.state == ("pending" if state == "parked" else state)
    if state == "parked":
        assert row.now["memo"], "it is asked about before it is started again"
        assert [a["outcome"] for a in fleet.attempts(row.id)] == ["handed_back"]
    if state == "running":
        assert fleet.sql.value("SELECT cancel FROM active WHERE migration_id = %s", row.id) == "reset"


def test_hard_reset_says_what_was_done(fleet):
    row = Row(fleet, "parked")
    results = row.post("/hard-reset").data["results"]
    assert results["attempt"].startswith("given up") and results["notes"] == "forgotten" and "locks" in results
    assert row.now["memo"] is None


def test_restart_merges_parameters_and_seals(fleet):
    row = Row(fleet, "failed")
    assert row.post("/restart", {"mb_site_id": 12, "mb_secret": SECRET, "quality_analysis": True}).status == 200
    params = row.now["params"]
    assert params["mb_site_id"] == 12 and params["quality_analysis"] is True and params["mb_secret"].startswith("sealed:v1:")
    assert SECRET not in str(row.call("GET", "").json) + str(fleet.http.get("/api/migrations").json)
    assert_problem(row.post("/restart", {"mb_sitee": 12}), (409, 422))


def test_acts_on_an_ended_wave(fleet):
    def ended(state="failed", other="completed"):
        row = Row(fleet, state, other=other)
        row.end_wave()
        return row

    row = ended()
    assert row.wave_row["state"] == "error"
    assert row.post("/restart").status == 200
    assert row.wave_row["state"] == "running" and row.wave_row["run_no"] == 2 and row.wave_row["completed_at"] is None
    row.check()

    row = ended()
    assert row.post("/reset-status").data["wave_status"] == "pending"
    assert row.wave_row["state"] == "ready" and row.wave_row["run_no"] == 2
    row.check()
    assert row.post("/restart").status == 200
    assert row.wave_row["state"] == "running" and row.wave_row["run_no"] == 2, "a ready wave goes on with a restart"

    row = ended()
    row.post("/reset-status")
    assert row.post("/set-completed").status == 200
    assert row.wave_row["state"] == "completed" and row.wave_row["completed_at"], "nothing is left to do"
    row.check()

    row = ended()
    assert row.post("/set-completed", {"brizy_project_domain": "d.example"}).data["wave_status"] == "completed"
    assert row.wave_row["run_no"] == 1 and row.wave_row["completed_at"]
    row.check()

    row = ended(other="failed")
    assert row.post("/set-completed").data["wave_status"] == "error", "another one has failed"
    row.check()


def test_the_last_one_ends_the_wave(fleet):
    row = Row(fleet, "parked", other="completed")
    assert row.post("/kill").status == 200
    assert row.wave_row["state"] == "error" and row.wave_row["completed_at"]
    row.check()
    row = Row(fleet, "parked", other="completed")
    assert row.post("/set-completed").status == 200
    assert row.wave_row["state"] == "completed"
    row.check()


def test_add_to_wave(fleet):
    row, other = Row(fleet, "failed"), Row(fleet, "completed", other="completed")
    other.end_wave()
    reply = row.post("/add-to-wave", {"wave_id": other.wave})
    assert reply.status == 200 and reply.data["wave_id"] == other.wave and reply.data["total"] == 3, reply
    other.check()
    added = fleet.migrations(other.wave)[row.project]
    assert added["state"] == "pending" and added["brz_project_id"] == row.target and reply.data["ref"] == f"m{added['id']}"
    wave = other.wave_row
    assert wave["state"] == "running" and wave["run_no"] == 2 and wave["total"] == 3 and wave["last_id"] == added["id"]
    assert row.state == "failed"
    before = all_of_it(fleet)
    assert_problem(row.post("/add-to-wave", {"wave_id": other.wave}), 409)
    assert_problem(row.post("/add-to-wave", {"wave_id": row.wave}), 409)
    assert_problem(row.post("/add-to-wave", {"wave_id": "1700000000_123456789012"}), 404)
    assert_problem(row.post("/add-to-wave", {"wave_id": Row.__name__}), 404)
    assert_problem(row.post("/add-to-wave", {}), 422)
    assert all_of_it(fleet) == before


def test_add_to_a_wave_of_another_kind(fleet):
    row, other = Row(fleet, "failed"), Row(fleet, kind="noop")
    assert "noop" in assert_problem(row.post("/add-to-wave", {"wave_id": other.wave}), 409)["detail"]


def test_bad_bodies_change_nothing(fleet):
    row = Row(fleet, "parked")
    before = all_of_it(fleet)
    for path, body in (("kill", {"force": "yes"}), ("kill", {"forse": True}), ("kill", "{"), ("kill", "[]"),
                       ("set-completed", {"brizy_project_domain": 5}), ("add-to-wave", {"wave_id": 5}),
                       ("reset-status", {"x": 1}), ("hard-reset", {"x": 1})):
        assert_problem(row.post(f"/{path}", body), (400, 422))
    assert all_of_it(fleet) == before


# ---- run ----

def run_body(**fields):
    body = {"mb_project_uuid": " single ", "brz_project_id": next(NUMBER), "mb_site_id": 5, "mb_secret": "another secret",
            "skip_cache": True, **fields}
    return {k: v for k, v in body.items() if v is not ...}


def test_run(fleet):
    body = run_body()
    reply = fleet.http.post("/api/migrations/run", body, headers={"Idempotency-Key": "run-1"})
    assert reply.status == 201 and reply.data["id"] == reply.data["brz_project_id"] == body["brz_project_id"], reply
    again = fleet.http.post("/api/migrations/run", body, headers={"Idempotency-Key": "run-1"})
    assert again.status == 201 and again.data == reply.data
    assert_problem(fleet.http.post("/api/migrations/run", {**body, "mb_site_id": 6}, headers={"Idempotency-Key": "run-1"}), 422)
    wave = fleet.http.get(f"/api/waves/{reply.data['wave_id']}").data
    assert wave["wave"]["name"] == "run single" and wave["wave"]["kind"] == "remote" and wave["wave"]["progress"]["total"] == 1
    row = fleet.migrations(reply.data["wave_id"])["single"]
    assert row["params"]["mb_secret"].startswith("sealed:v1:") and row["params"]["skip_cache"] is True
    assert "another secret" not in str(wave)
    assert fleet.http.get(f"/api/migrations/{body['brz_project_id']}").data["mb_site_id"] in (5, "5")


@pytest.mark.parametrize("fields,status,pointer", [
    ({"mb_project_uuid": ...}, 422, "#/mb_project_uuid"), ({"mb_project_uuid": "  "}, 422, "#/mb_project_uuid"),
    ({"mb_project_uuid": 5}, 400, "#/mb_project_uuid"), ({"brz_project_id": ...}, 422, "#/brz_project_id"),
    ({"brz_project_id": 0}, 422, "#/brz_project_id"), ({"brz_project_id": "x"}, (400, 422), "#/brz_project_id"),
    ({"mb_secret": 5}, 400, "#/mb_secret"), ({"colour": 1}, 422, "#/colour"), ({"skip_cache": "yes"}, (400, 422), "#/skip_cache")])
def test_run_refuses(fleet, fields, status, pointer):
    before = all_of_it(fleet)
    problem = assert_problem(fleet.http.post("/api/migrations/run", run_body(**fields)), status)
    assert pointer in [e["pointer"] for e in problem["errors"]], problem
    assert all_of_it(fleet) == before


# ---- webhooks ----

@pytest.mark.parametrize("state", ["parked", "running"])
@pytest.mark.parametrize("word", ["completed", "success", None])
def test_webhook_completes(fleet, state, word):
    row = Row(fleet, state)
    fields = {"status": word} if word else {}
    reply = row.webhook(brizy_project_domain="d.example", theme="Zion", новое=[1], **fields)
    assert reply.status == 200 and reply.json["success"] is True and reply.json["message"], reply
    assert reply.data == {"mb_project_uuid": row.project, "brz_project_id": row.target, "status": "completed"}
    row.check()
    assert row.state == "completed" and row.now["result"]["новое"] == [1] and row.now["result"]["theme"] == "Zion"
    assert row.webhook(brizy_project_domain="twice").status == 200
    assert row.now["result"]["brizy_project_domain"] == "d.example"
    assert row.verdicts() == ["settled", "late"]
    info = row.call("GET", "/webhook-info").data
    assert info["webhook_received"] is True and len(info["webhook_logs"]) == 2 and info["migration_status"] == "completed"
    assert info["webhook_url"].endswith("/api/webhooks/migration-result?token=********")
    assert info["last_result"]["theme"] == "Zion" and info["webhook_received_at"]
    assert info["webhook_params"]["webhook_mb_project_uuid"] == row.project


@pytest.mark.parametrize("fields", [{"status": "error", "error": "Ошибка"}, {"status": "failed", "error": {"message": "Ошибка"}},
                                    {"error": "Ошибка"}])
def test_webhook_errors_are_tried_again(fleet, fields):
    row = Row(fleet, "parked")
    assert row.webhook(**fields).data["status"] == "error"
    row.check()
    now = row.now
    assert now["state"] == "retrying" and "Ошибка" in now["error"] and now["class"] == "temporary"
    assert now["memo"]["start"] == "ended"
    assert row.webhook(status="completed").status == 200
    assert row.state == "retrying" and row.verdicts() == ["settled", "late"], "its next attempt asks first"


def test_webhook_progress(fleet):
    row = Row(fleet, "parked")
    reply = row.webhook(status="in_progress", progress={"total_pages": 10, "processed_pages": 4, "current_stage": "pages"})
    assert reply.data["status"] == "in_progress" and row.state == "parked"
    assert row.call("GET", "").data["progress"]["percent"] == 40
    assert row.verdicts() == ["noted"]
    row.check()


def test_webhook_revives_what_was_given_up(fleet):
    row = Row(fleet, "failed", other="completed")
    row.end_wave()
    assert row.webhook(status="error", error="again").status == 200 and row.state == "failed"
    assert row.webhook(status="completed", theme="late").status == 200
    row.check()
    now = row.now
    assert now["state"] == "completed" and now["error"] is None and now["result"]["theme"] == "late" and now["attempt"] == 1
    assert row.verdicts() == ["late", "revived"]
    wave = row.wave_row
    assert wave["state"] == "completed" and wave["completed_at"] and wave["run_no"] == 1
    attempts = fleet.attempts(row.id)
    assert [(a["attempt"], a["outcome"]) for a in attempts] == [(1, "completed")] and "of before" in attempts[0]["error"]
    assert row.webhook(status="completed").status == 200 and row.verdicts()[-1] == "late"
    row.check()


def test_webhook_of_an_older_attempt_changes_nothing(fleet):
    row = Row(fleet, "failed")
    row.post("/restart")
    assert row.webhook(attempt=1, status="completed").status == 200 and row.state == "pending"
    put(fleet.sql, row.id, "parked")
    assert row.now["attempt"] == 2
    for status in ("completed", "error", "in_progress"):
        assert row.webhook(attempt=1, status=status, progress={"progress_percent": 99}).status == 200
    assert row.state == "parked" and row.verdicts() == ["late", "late", "late", "noted"]
    assert row.call("GET", "").data["progress"] is None
    row.check()


@pytest.mark.parametrize("state", ["pending", "cancelled", "retrying"])
def test_webhook_in_other_states(fleet, state):
    row = Row(fleet, state)
    assert row.webhook(attempt=max(1, row.now["attempt"]), status="completed").status == 200
    assert row.state == state and row.verdicts() == ["late"]
    row.check()


def test_webhooks_at_the_same_moment(fleet):
    for state in ("parked", "failed"):
        row = Row(fleet, state)
        assert {r.status for r in in_parallel(*[lambda: row.webhook(status="completed")] * 10)} == {200}
        assert row.state == "completed"
        assert sorted(row.verdicts()) == ["late"] * 9 + ["settled" if state == "parked" else "revived"]
        row.check()


def test_forged_webhooks(fleet):
    row, other = Row(fleet, "parked"), Row(fleet, "parked")
    good = row.token()
    for token in ("x", good[:-1] + ("0" if good[-1] != "0" else "1"), other.token(), good.replace(".1.", ".2.", 1)):
        if token == other.token():
            assert_problem(row.webhook(token=token), 400)
        else:
            assert_problem(row.webhook(token=token), 401)
    assert_problem(fleet.http.post("/api/webhooks/migration-result", {}, token=OPEN), 401)
    assert row.state == other.state == "parked" and row.verdicts() == other.verdicts() == []


@pytest.mark.parametrize("body", [
    "", "{", "[]", "null", "{}", '{"mb_project_uuid":"p"}', '{"brz_project_id":5}', '{"mb_project_uuid":7,"brz_project_id":"x"}',
    '{"mb_project_uuid":"%s","brz_project_id":%d,"status":"flying"}', '{"mb_project_uuid":"other","brz_project_id":%2$d}',
    '{"mb_project_uuid":"%s","brz_project_id":%d,"n":1e999999}', '{"mb_project_uuid":"%s","brz_project_id":%d,"n":"\\u0000"}'])
def test_bad_webhook_bodies(fleet, body):
    row = Row(fleet, "parked")
    body = body.replace("%2$d", str(row.target))
    body = body % (row.project, row.target) if "%s" in body else body
    assert_problem(row.webhook(raw=body), 400)
    assert row.state == "parked" and row.verdicts() == []
    row.check()


def test_secrets_that_come_back_are_hidden(fleet):
    row = Row(fleet, "failed")
    row.post("/restart", {"mb_secret": "sh-shh-secret"})
    put(fleet.sql, row.id, "parked")
    assert row.webhook(status="error", error="bad secret sh-shh-secret&").status == 200
    text = str([row.now, fleet.sql.rows("SELECT body FROM webhooks"), row.call("GET", "/webhook-info").json, row.call("GET", "").json])
    assert "sh-shh" not in text and "********" in row.now["error"]


def test_webhook_while_postgresql_is_away(make_own_fleet):
    fleet = make_own_fleet(watched=False, api=False)
    gate = Gate(server_address(fleet.place.database_url, 5432))
    fleet.env["WAVEFLEET_DATABASE_URL"] = moved_to(fleet.place.database_url, gate.port)
    fleet.start_api()
    row = Row(fleet, "parked")
    token = row.token()
    assert row.webhook(token=token, status="in_progress").status == 200
    gate.cut()
    wait_until(lambda: row.webhook(token=token, status="completed").status == 500, 10, "500: the caller comes again")
    assert row.state == "parked"
    gate.mend()
    wait_until(lambda: row.webhook(token=token, status="completed").status == 200, 15, "taken")
    assert row.state == "completed"
    row.check()
    gate.close()


# ---- others ----

def test_connection_test(fleet):
    got = fleet.http.get("/api/webhooks/test-connection", token=OPEN).json
    assert got["success"] is True and got["service"] == "migration-dashboard" and got["message"] and got["timestamp"]
    for payload, shown in (({"a": [1]}, {"a": [1]}), ("no JSON", "no JSON"), (None, "")):
        posted = fleet.http.post("/api/webhooks/test-connection", payload, token=OPEN).json
        assert posted["your_payload"] == shown and posted["received_from"] and posted["dashboard"]


def test_migration_server(fleet):
    assert fleet.http.get("/api/migration-server/health").data["status"] == "healthy"
    assert fleet.http.get("/api/migration-server/handshake").data["handshake_with_dashboard"] == "ok"


def test_settings(fleet):
    stored = lambda: {r["key"]: r["value"] for r in fleet.sql.rows("SELECT key, value FROM settings")}
    store_secret(fleet)
    assert fleet.http.get("/api/settings").data == {"mb_site_id": SITE, "mb_secret": "********"}
    sealed = stored()["mb_secret"]
    assert sealed.startswith("sealed:v1:")
    for body in ({"mb_site_id": SITE, "mb_secret": "********"}, {"mb_site_id": str(SITE)}, {"mb_secret": ""}, {}, {"mb_site_id": None}):
        assert fleet.http.post("/api/settings", body).data["mb_secret"] == "********"
        assert stored()["mb_secret"] == sealed and stored()["mb_site_id"] == str(SITE)
    assert fleet.http.post("/api/settings", {"mb_site_id": 7, "mb_secret": "new one"}).data["mb_site_id"] == 7
    assert stored()["mb_secret"] != sealed and stored()["mb_site_id"] == "7"
    for body in ({"mb_site_id": {}}, {"mb_site_id": -1}, {"mb_site_id": 1.5}, {"mb_site_id": "x"}, {"mb_secret": 5}, {"x": 1}):
        assert_problem(fleet.http.post("/api/settings", body), (400, 422))
    assert stored()["mb_site_id"] == "7"


def test_settings_without_a_key(make_own_fleet):
    fleet = make_own_fleet(watched=False, env={"WAVEFLEET_SECRET_KEY": ""})
    assert_problem(fleet.http.post("/api/settings", {"mb_secret": "s"}), 503)
    assert fleet.http.post("/api/settings", {"mb_site_id": 5}).data == {"mb_site_id": 5, "mb_secret": None}


def test_queues(fleet):
    fleet.submit("of a queue", ["a", "b", "c"], queue="special-1")
    queue = lambda: {q["name"]: q for q in fleet.http.get("/api/queues").data}["special-1"]
    wait_until(lambda: queue()["ready"] == 3, 5, "lined up")
    now = queue()
    assert now["demand"] == 3 and now["depth"] == 3 and now["backlog"] == 0 and now["waves"] == 1 and now["runners"] == 0
    default = {q["name"]: q for q in fleet.http.get("/api/queues").data}["default"]
    assert default["runners"] == 4 and default["workers"] == 1


def test_workers(fleet):
    row = Row(fleet, "running")
    worker = fleet.http.get("/api/workers").data[0]
    assert worker["host"] == "a host" and worker["queues"] == ["default"] and worker["concurrency"] == 4 and not worker["draining"]
    assert f"m{row.id}" in [r["ref"] for r in worker["runs"]] and worker["started_at"]


def test_dead_letters(fleet):
    row = Row(fleet, "failed", other="failed")
    found = fleet.http.get(f"/api/dead?wave={row.wave}").json
    assert found["count"] == 2 and row.project in [d["mb_project_uuid"] for d in found["data"]]
    assert found["data"][0]["class"] == "temporary" and found["data"][0]["error"] == "of before"
    page = fleet.http.get(f"/api/dead?wave={row.wave}&limit=1").json
    rest = fleet.http.get(f"/api/dead?wave={row.wave}&limit=1&cursor={page['next_cursor']}").json
    assert [d["ref"] for d in page["data"] + rest["data"]] == [d["ref"] for d in found["data"]]
    assert fleet.http.get(f"/api/dead?wave={row.wave}&class=data").data == []
    assert fleet.http.get("/api/dead?wave=none").data == []
    assert f"m{row.id}" in [d["ref"] for d in fleet.http.get("/api/dead").data]
    assert_problem(fleet.http.get("/api/dead?class=x"), 422)


# ---- with workers ----

def test_with_workers(make_own_fleet, migration_server):
    """Kill what runs and what is parked, give up, restart, complete: the wave ends, exactly."""
    fleet = make_own_fleet(workers=1, concurrency=4, watched=False, env={
        **QUICK_REMOTE, **PATIENT, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url})
    site = {"mb_site_id": 5, "mb_secret": "of the wave"}
    migration_server.app.control({"default": {"run_ms": 60_000, "webhook": "never"}})
    wave = fleet.submit("acts", targets(["killed", "given-up", "completed"], 2_000_000), "remote", workspace_id=1, params=site)
    rows = lambda: fleet.migrations(wave)
    with fleet.sampling(wave):
        wait_until(lambda: {r["state"] for r in rows().values()} == {"parked"}, 15, "all parked")
        path = lambda name: f"/api/migrations/m{rows()[name]['id']}"
        assert fleet.http.post(path("killed") + "/kill", {}).status == 200
        assert fleet.http.post(path("completed") + "/set-completed", {"brizy_project_domain": "d"}).status == 200
        assert fleet.http.delete(path("given-up") + "/lock").data["removed"] is True
        wait_until(lambda: rows()["given-up"]["state"] == "parked" and rows()["given-up"]["attempt"] >= 2, 15, "taken up again")
        assert len(migration_server.app.report("given-up")["starts"]) == 1, "it asked before it would start"
        migration_server.app.control({"projects": {"killed": {"run_ms": 100, "webhook": "once"}}})
        assert fleet.http.post(path("given-up") + "/kill", {}).status == 200
        assert fleet.wait_wave(wave) == "error"
    fleet.check_wave(wave, "error")
    migration_server.app.control({"default": {}})


def test_kill_what_runs(make_own_fleet):
    fleet = make_own_fleet(workers=1, watched=False)
    wave = fleet.submit("long", ["a", "b"], params={"sleep_ms": 60_000})
    rows = lambda: fleet.migrations(wave)
    wait_until(lambda: {r["state"] for r in rows().values()} == {"running"}, 10, "running")
    assert fleet.http.post(f"/api/migrations/m{rows()['a']['id']}/kill", {}).status == 202
    wait_until(lambda: rows()["a"]["state"] == "failed", 10, "ended")
    assert "ended by" in rows()["a"]["error"]
    assert fleet.http.post(f"/api/migrations/m{rows()['b']['id']}/hard-reset", {}).status == 202
    wait_until(lambda: rows()["b"]["attempt"] == 2 and rows()["b"]["state"] == "running", 10, "begun again")
    assert [a["outcome"] for a in fleet.attempts(rows()["b"]["id"])] in (["cancelled"], ["handed_back"])
    assert fleet.http.post(f"/api/migrations/m{rows()['b']['id']}/kill", {"force": True}).status == 202
    assert fleet.wait_wave(wave) == "error"
    fleet.check_wave(wave, "error")
