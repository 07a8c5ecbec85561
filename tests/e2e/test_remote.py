"""The remote kind against a migration server with bad manners, and Brizy with
ten workers at once."""

import http.client
import json
import signal
import time
from urllib.parse import parse_qsl, urlsplit

import pytest

import migration_server as fake
from behaviour import PRESETS, RUSSIAN_ERROR
from http_client import OPEN
from remote_setup import QUICK_REMOTE, SECRET, SITE, store_secret, targets
from serving import Running
from wavefleet import free_port, in_parallel, wait_until

EACH = 2        # projects of each preset
PATIENT = {"WAVEFLEET_REMOTE_START_TIMEOUT_MS": "20000"}

# What each behaviour must come to; all others complete.
FAILS = {p for p, rules in PRESETS.items() if rules.get("outcome") == "error"}
REFUSED = {"start400"}
EXHAUSTED = {"start500always"}
# The Retry-After of the first answer, in seconds, less what clocks and whole seconds may take
RETRY_AFTER = {"start503after": 1.9, "start503date": 1.9, "start429after": 1.9}
# How many webhooks at least
GENUINE = {"plain": 1, "twice": 2, "late": 1, "early": 1, "extra": 1, "errorobject": 1, "nostatus": 1}


@pytest.fixture(scope="module")
def fleet(make_fleet, migration_server):
    fleet = make_fleet(api=False, env={**QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url})
    fleet.start_api(**PATIENT)
    fleet.start_workers(3, 8)
    migration_server.app.control({"webhook_gaps_ms": [300, 600, 1000, 1000]})
    store_secret(fleet)
    return fleet


@pytest.fixture(scope="module")
def patient(make_fleet, migration_server):
    """Starts do not run out of time: what is parked is parked by its first attempt."""
    fleet = make_fleet(workers=2, concurrency=8, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url, **PATIENT})
    store_secret(fleet)
    return fleet


def submit(fleet, name, names, first, **fields):
    return fleet.submit(name, targets(names, first), "remote", **{"workspace_id": 77, "workspace_name": "w", **fields})


@pytest.fixture(scope="module")
def manners(fleet, migration_server):
    """One wave in which every behaviour stands EACH times; runs to its end once for all tests."""
    names = [f"{preset}--{i}" for i in range(EACH) for preset in sorted(PRESETS)]
    wave = submit(fleet, "manners", names, 10_000, batch_size=1000)
    with fleet.sampling(wave, every_s=0.05):
        fleet.wait_wave(wave, 90)
    # webhooks that come late, and those refused that are tried again
    hooks = lambda preset, i: len(migration_server.app.report(f"{preset}--{i}")["webhooks"])
    wait_until(lambda: all(hooks(p, i) >= GENUINE[p] for p in GENUINE for i in range(EACH)), 15, "the late webhooks")
    return wave


def rows_of(fleet, wave, preset):
    rows = fleet.migrations(wave)
    return [rows[f"{preset}--{i}"] for i in range(EACH)]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_settled_rightly(fleet, migration_server, manners, preset):
    for row in rows_of(fleet, manners, preset):
        report = migration_server.app.report(row["project"])
        expected = "failed" if preset in FAILS | REFUSED | EXHAUSTED else "completed"
        told = {k: [{n: e.get(n) for n in ("at", "number", "fault", "refused", "answered", "status")} for e in report[k]]
                for k in ("starts", "statuses", "webhooks")}
        assert row["state"] == expected, f"{row['error']}\n{told}\n{fleet.attempts(row['id'])}"
        assert not report["double_starts"], f"started again while its first start still ran: {told}"
        assert not report["bad_starts"]
        if preset in RETRY_AFTER:
            first, second = (s["at"] for s in report["starts"][:2])
            assert second - first >= RETRY_AFTER[preset], "Retry-After wins"
        if preset in REFUSED:
            assert len(report["starts"]) == 1 and row["attempt"] == 1, "400 is permanent"


def test_wave_of_manners_is_consistent(fleet, manners):
    fleet.check_wave(manners, "error", clean_within_s=20)


@pytest.mark.parametrize("preset", ["hang", "hangerror", "hanglong", "html", "truncated", "empty", "reset"])
def test_an_ambiguous_start_asks_before_it_starts_again(fleet, migration_server, manners, preset):
    """A run that ended in error may be tried again; one that had begun is not begun a second time."""
    for row in rows_of(fleet, manners, preset):
        report = migration_server.app.report(row["project"])
        failures = sum(a["outcome"] == "failed" for a in fleet.attempts(row["id"]))
        assert len(report["starts"]) == (failures if preset == "hangerror" else 1), "it had begun"


@pytest.mark.parametrize("preset", ["hangnobegin", "htmlnobegin", "resetnobegin"])
def test_a_start_that_did_not_begin_is_repeated_after_asking(fleet, migration_server, manners, preset):
    for row in rows_of(fleet, manners, preset):
        report = migration_server.app.report(row["project"])
        first, second = (s["at"] for s in report["starts"])
        assert any(first < s["at"] < second for s in report["statuses"]), "asked in between"


def test_error_texts_arrive_as_they_are(fleet, manners):
    for preset in ("russian", "russianpoll"):
        for row in rows_of(fleet, manners, preset):
            assert RUSSIAN_ERROR in row["error"]
    for row in rows_of(fleet, manners, "errorobject"):
        assert "conversion failed" in row["error"]
    for row in rows_of(fleet, manners, "earliererror") + rows_of(fleet, manners, "earliernotimes"):
        assert row["error"] is None, "the error of yesterday is not ours"


def test_results_are_kept_as_they_came(fleet, manners):
    shown = {m["mb_project_uuid"]: m for m in fleet.http.get(f"/api/waves/{manners}").data["migrations"]}
    extra = shown["extra--0"]
    assert extra["status"] == "completed"
    assert extra["result_data"]["новое"] == {"a": [1, 2, None]} and extra["result_data"]["pages_total"] == 42
    for name in ("plain--0", "never--0"):
        m = shown[name]
        assert m["brizy_project_domain"] == f"project-{m['brz_project_id']}.brizy.example", m


def test_forged_webhooks_are_refused_and_change_nothing(fleet, migration_server, manners):
    for preset in ("forged", "tokenless"):
        for i in range(EACH):
            webhooks = migration_server.app.report(f"{preset}--{i}")["webhooks"]
            assert webhooks and {w["status"] for w in webhooks} == {401}, webhooks


def test_genuine_webhooks_are_answered_well(fleet, migration_server, manners):
    for preset in GENUINE:
        for i in range(EACH):
            report = migration_server.app.report(f"{preset}--{i}")
            assert report["webhooks"] and all(w["status"] == 200 for w in report["webhooks"]), (preset, report["webhooks"])
    assert len(migration_server.app.report("twice--0")["webhooks"]) == 2


def test_start_parameters(fleet, migration_server, manners):
    start = migration_server.app.report("plain--0")["starts"][0]["params"]
    row = rows_of(fleet, manners, "plain")[0]
    assert start["mb_project_uuid"] == start["webhook_mb_project_uuid"] == "plain--0"
    assert start["brz_project_id"] == start["webhook_brz_project_id"] == str(row["brz_project_id"])
    assert start["mb_site_id"] == str(SITE) and start["mb_secret"] == SECRET
    assert start["wave_id"] == manners and start["brz_workspaces_id"] == "77"
    hook = urlsplit(start["webhook_url"])
    assert f"{hook.scheme}://{hook.netloc}" == fleet.env["WAVEFLEET_PUBLIC_URL"]
    assert hook.path.startswith("/api/webhooks/migration-result")


def test_a_token_for_each_attempt(fleet, migration_server, manners):
    report = migration_server.app.report()
    assert report["webhook_urls_used_twice"] == 0
    stored = fleet.sql.value("SELECT string_agg(x::text, ' ') FROM migrations x")
    for start in report["starts"][:20]:
        for _, value in parse_qsl(urlsplit(start["params"]["webhook_url"]).query):
            assert len(value) < 16 or value not in stored, "a token stands in clear in PostgreSQL"


def test_secrets_are_seen_by_the_server_only(fleet, migration_server, manners):
    assert migration_server.app.report()["secrets_seen"] == [SECRET]
    shown = fleet.http.get("/api/settings")
    assert SECRET not in str(shown.json) and shown.data["mb_site_id"] in (SITE, str(SITE))
    for program in [*fleet.workers, *fleet.apis]:
        assert SECRET not in program.text() and "mb-s3cret" not in program.text()
    tables = [r["t"] for r in fleet.sql.rows("""SELECT table_name AS t FROM information_schema.tables
        WHERE table_schema = 'wavefleet' AND table_type = 'BASE TABLE'""")]
    for table in tables:
        found = fleet.sql.value(f'SELECT count(*) FROM wavefleet."{table}" x WHERE x::text LIKE %s', "%mb-s3cret%")
        assert found == 0, f"the secret stands in clear in {table}"


def test_a_mask_that_comes_back_means_the_stored_secret(fleet, migration_server):
    shown = fleet.http.get("/api/settings").data
    assert fleet.http.post("/api/settings", {"mb_site_id": shown["mb_site_id"], "mb_secret": shown["mb_secret"]}).status in (200, 201)
    assert fleet.http.post("/api/settings", {"mb_site_id": SITE}).status in (200, 201)
    wave = submit(fleet, "mask", ["plain--mask"], 20_000)
    assert fleet.wait_wave(wave) == "completed"
    assert migration_server.app.report("plain--mask")["secrets_seen"] == [SECRET]


# ---- webhooks by hand ----

def post_webhook(fleet, start, body):
    hook = urlsplit(start["params"]["webhook_url"])
    return fleet.http.post(f"{hook.path}?{hook.query}", body, token=OPEN)


def test_bad_webhook_bodies(fleet, migration_server, manners):
    start = migration_server.app.report("plain--0")["starts"][0]
    for body in ("{", "[]", "null", {}, {"mb_project_uuid": "plain--0"}, {"mb_project_uuid": 7, "brz_project_id": "x"}):
        reply = post_webhook(fleet, start, body)
        assert reply.status == 400 and reply.json["success"] is False and reply.json["error"], (body, reply)
    assert rows_of(fleet, manners, "plain")[0]["state"] == "completed"


def test_a_webhook_after_the_end_changes_nothing(fleet, migration_server, manners):
    before = rows_of(fleet, manners, "plain")[0]
    start = migration_server.app.report("plain--0")["starts"][0]
    body = {"mb_project_uuid": "plain--0", "brz_project_id": before["brz_project_id"], "status": "error", "error": "too late"}
    reply = post_webhook(fleet, start, body)
    assert reply.status == 200 and reply.data["mb_project_uuid"] == "plain--0", reply
    after = rows_of(fleet, manners, "plain")[0]
    assert {k: after[k] for k in ("state", "attempt", "error", "result")} == {k: before[k] for k in ("state", "attempt", "error", "result")}


def test_a_token_is_good_for_its_own_project_only(fleet, migration_server, manners):
    row = rows_of(fleet, manners, "never")[0]
    start = migration_server.app.report("plain--0")["starts"][0]
    body = {"mb_project_uuid": row["project"], "brz_project_id": row["brz_project_id"], "status": "error", "error": "forged"}
    reply = post_webhook(fleet, start, body)
    assert reply.status in (400, 401, 403), reply
    assert rows_of(fleet, manners, "never")[0]["state"] == "completed"


def test_twenty_webhooks_at_the_same_moment(patient, migration_server):
    migration_server.app.control({"projects": {"burst": {"webhook": "never", "run_ms": 60_000}}})
    wave = submit(patient, "burst", ["burst"], 21_000)
    wait_until(lambda: patient.migrations(wave)["burst"]["state"] == "parked", 15, "parked")
    start = migration_server.app.report("burst")["starts"][0]
    body = {"mb_project_uuid": "burst", "brz_project_id": 21_000, "status": "completed"}
    replies = in_parallel(*[lambda: post_webhook(patient, start, body)] * 20)
    assert {r.status for r in replies} == {200}
    assert patient.wait_wave(wave) == "completed"
    patient.check_wave(wave, "completed")


def posted_together(fleet, starts, bodies):
    """All are there before the API reads the first of them. Returns [(status, answer)]."""
    connections = [http.client.HTTPConnection("127.0.0.1", fleet.port, timeout=20) for _ in starts]
    fleet.api.signal(signal.SIGSTOP)
    for connection, start, body in zip(connections, starts, bodies):
        hook = urlsplit(start["params"]["webhook_url"])
        connection.request("POST", f"{hook.path}?{hook.query}", body, {"Content-Type": "application/json"})
    fleet.api.signal(signal.SIGCONT)
    answers = [c.getresponse() for c in connections]
    found = [(a.status, json.loads(a.read())) for a in answers]
    for connection in connections:
        connection.close()
    return found


def test_a_body_that_cannot_be_stored_spoils_no_other(patient, migration_server):
    """Webhooks that wait together go to PostgreSQL together."""
    names, bad = [f"together-{i}" for i in range(12)], 7
    migration_server.app.control({"projects": {n: {"webhook": "never", "run_ms": 60_000} for n in names}})
    wave = submit(patient, "together", names, 30_000, batch_size=100)
    wait_until(lambda: {r["state"] for r in patient.migrations(wave).values()} == {"parked"}, 15, "all parked")
    bodies = [json.dumps({"mb_project_uuid": n, "brz_project_id": 30_000 + i, "status": "completed"})
              for i, n in enumerate(names)]
    bodies[bad] = bodies[bad][:-1] + ', "pages": 1e-999999}'
    answers = posted_together(patient, [migration_server.app.report(n)["starts"][0] for n in names], bodies)
    assert [status for status, _ in answers] == [400 if i == bad else 200 for i in range(len(names))], answers
    assert "cannot be stored" in answers[bad][1]["error"]
    rows = patient.migrations(wave)
    assert [rows[n]["state"] for n in names] == ["parked" if i == bad else "completed" for i in range(len(names))]
    kept = patient.sql.rows("SELECT h.verdict FROM webhooks h WHERE h.migration_id = ANY(%s)",
                            [r["id"] for r in rows.values()])
    assert [k["verdict"] for k in kept] == ["settled"] * (len(names) - 1)
    assert patient.http.post(f"/api/waves/{wave}/stop", {}).status == 200
    patient.wait_wave(wave)


# ---- more than one start ----

def test_the_same_pair_in_two_waves_waits(fleet, migration_server):
    migration_server.app.control({"projects": {"pair": {"run_ms": 1500}}})
    first = submit(fleet, "pair 1", ["pair"], 22_000)
    wait_until(lambda: migration_server.app.report("pair")["starts"], 15, "the first start")
    second = submit(fleet, "pair 2", ["pair"], 22_000)
    for wave in (first, second):
        assert fleet.wait_wave(wave, 40) == "completed"
        fleet.check_wave(wave, "completed")
    report = migration_server.app.report("pair")
    assert not report["double_starts"] and len(report["starts"]) == 2
    assert report["starts"][1]["at"] - report["starts"][0]["at"] >= 1.4


def test_a_lost_worker_asks_before_it_starts_anything(make_own_fleet, migration_server):
    fleet = make_own_fleet(workers=1, concurrency=2, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url, "WAVEFLEET_REMOTE_START_TIMEOUT_MS": "20000"})
    store_secret(fleet)
    migration_server.app.control({"projects": {"lostworker": {"start_delay_ms": 3000, "run_ms": 5000, "webhook": "never"}}})
    wave = submit(fleet, "lost worker", ["lostworker"], 23_000)
    wait_until(lambda: migration_server.app.report("lostworker")["starts"], 15, "the start under way")
    worker = fleet.workers[0]
    worker.kill()
    fleet.forget(worker)
    fleet.start_worker()
    assert fleet.wait_wave(wave, 40) == "completed"
    fleet.check_wave(wave, "completed")
    report = migration_server.app.report("lostworker")
    assert len(report["starts"]) == 1 and not report["double_starts"]


def test_restart_keeps_the_target(patient, migration_server):
    migration_server.app.control({"projects": {"again": {"outcome": "error", "error": "first time"}}})
    wave = submit(patient, "again", ["again"], 24_000, max_attempts=1)
    assert patient.wait_wave(wave) == "error"
    migration_server.app.control({"projects": {"again": {}}})
    assert patient.http.post(f"/api/waves/{wave}/migrations/again/restart", {}).status in (200, 202)
    patient.wait_wave(wave, until=("completed",))
    row = patient.migrations(wave)["again"]
    assert row["brz_project_id"] == 24_000 and row["error"] is None
    assert [(a["attempt"], a["outcome"]) for a in patient.attempts(row["id"])] == [(1, "failed"), (2, "completed")]
    patient.check_wave(wave, "completed", restarts=1)


def test_parked_ones_hold_no_runner(fleet, migration_server):
    """Far more than there are runners are under way on the server at the same time."""
    names, server = [f"parked--{i}" for i in range(120)], migration_server.app
    server.control({"projects": {n: {"run_ms": 600_000} for n in names}})
    wave = submit(fleet, "parked", names, 25_000, batch_size=120)
    with fleet.sampling(wave, every_s=0.05) as sampler:
        wait_until(lambda: sampler.peak(wave, "parked") == 120, 40, "all parked")
        for pair in [(n, 25_000 + i) for i, n in enumerate(names)]:
            server.finish(pair, server.runs[pair])
        assert fleet.wait_wave(wave, 60) == "completed"
    fleet.check_wave(wave, "completed")


def test_window_counts_what_is_parked(fleet, migration_server):
    names = [f"narrow--{i}" for i in range(9)]
    wave = submit(fleet, "narrow", names, 26_000, batch_size=3)
    with fleet.sampling(wave) as sampler:
        assert fleet.wait_wave(wave, 60) == "completed"
    assert sampler.peak(wave) <= 3
    fleet.check_wave(wave, "completed")


def test_rate_limit_of_the_fleet(make_own_fleet, migration_server):
    """Ten status calls a second for all workers together, however many there are."""
    fleet = make_own_fleet(workers=3, concurrency=8, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url, "WAVEFLEET_REMOTE_RATE_PER_S": "10"})
    store_secret(fleet)
    names = [f"rate--{i}" for i in range(30)]
    migration_server.app.control({"projects": {n: {"webhook": "never", "run_ms": 3000} for n in names}})
    begun = time.time()
    wave = submit(fleet, "rate", names, 27_000, batch_size=100)
    assert fleet.wait_wave(wave, 60) == "completed"
    times = sorted(s["at"] for n in names for s in migration_server.app.report(n)["statuses"])
    took_s = times[-1] - begun
    assert len(times) <= took_s * 10 + 10, f"{len(times)} status calls in {took_s:.1f} s"


def test_polls_that_exceed_the_limit_hold_up_nobody(make_own_fleet, migration_server):
    """Far more are due than may ask: a wave of quick jobs beside them starts at once, and they go on asking."""
    fleet = make_own_fleet(workers=1, concurrency=8, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url, "WAVEFLEET_REMOTE_POLL_INITIAL_MS": "60000",
        "WAVEFLEET_REMOTE_POLL_CAP_MS": "60000"})
    store_secret(fleet)
    names = [f"crowd--{i}" for i in range(150)]
    migration_server.app.control({"projects": {n: {"webhook": "never", "run_ms": 600_000} for n in names}})
    wave = submit(fleet, "crowd", names, 31_000, batch_size=150)
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM active WHERE state = 'parked'") == 150, 40, "all parked")
    slow = fleet.workers[0]
    assert not slow.stop()
    fleet.forget(slow)
    fleet.sql.execute("UPDATE active SET due_at = now()")
    fleet.redis.zadd("wavefleet:delayed", {r["id"]: 1 for r in fleet.sql.rows("SELECT migration_id AS id FROM active")})
    asked = lambda: sum(len(migration_server.app.report(n)["statuses"]) for n in names)
    before, begun = asked(), time.monotonic()
    fleet.start_worker(8, WAVEFLEET_REMOTE_RATE_PER_S=5)
    wait_until(lambda: asked() - before >= 5, 20, "some polls")
    quick = fleet.submit("quick", [f"quick-{i}" for i in range(16)], batch_size=16, params={"sleep_ms": 50})
    assert fleet.wait_wave(quick, 15) == "completed"
    assert asked() - before < 5 * (time.monotonic() - begun) + 10
    assert fleet.redis.llen("wavefleet:queue:default") < 64
    now = asked()
    wait_until(lambda: asked() - now >= 10, 20, "more polls")
    assert fleet.http.post(f"/api/waves/{wave}/stop", {}).status == 200
    fleet.wait_wave(wave)


def test_server_away_then_back(make_own_fleet, migration_server):
    """A connect error means that nothing was started: tried again later."""
    port = free_port()
    fleet = make_own_fleet(workers=1, env={**QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": f"http://127.0.0.1:{port}"})
    store_secret(fleet)
    wave = submit(fleet, "away", ["plain--away"], 28_000, max_attempts=50)
    row = lambda: fleet.migrations(wave)["plain--away"]
    wait_until(lambda: row()["attempt"] >= 2, 20, "a second attempt")
    assert fleet.attempts(row()["id"])[0]["class"] == "temporary"
    with Running(fake.MigrationServer(), port) as running:
        assert fleet.wait_wave(wave, 30) == "completed"
        assert len(running.app.report()["starts"]) == 1
    fleet.check_wave(wave, "completed")


# ---- calls about one migration ----

def test_calls_about_a_migration(fleet, migration_server, manners):
    row = rows_of(fleet, manners, "never")[0]
    number = row["brz_project_id"]
    one = fleet.http.get(f"/api/migrations/{number}").data
    assert one["status"] == "completed" and one["mapping"]["mb_project_uuid"] == row["project"]
    process = fleet.http.get(f"/api/migrations/{number}/process")
    assert process.status == 200 and process.json["success"] is True
    hook = fleet.http.get(f"/api/migrations/{number}/webhook-info").data
    start = migration_server.app.report(row["project"])["starts"][0]["params"]["webhook_url"]
    assert hook["webhook_url"] and hook["webhook_url"] != start, "its token is hidden"
    for path in ("status-from-server", "logs"):
        assert fleet.http.get(f"/api/migrations/{number}/{path}").status == 200
    assert SECRET not in str([one, process.json, hook])
    listed = fleet.http.get(f"/api/migrations?brz_project_id={number}").data
    assert [m["brz_project_id"] for m in listed] == [number]


def test_run_one_without_a_wave(fleet, migration_server):
    reply = fleet.http.post("/api/migrations/run", {"mb_project_uuid": "plain--single", "brz_project_id": 29_000,
                                                    "mb_site_id": 5, "mb_secret": "another secret"})
    assert reply.status in (200, 201, 202), reply
    wait_until(lambda: fleet.http.get("/api/migrations/29000").data["status"] == "completed", 20, "the single one")
    assert migration_server.app.report("plain--single")["secrets_seen"] == ["another secret"]
    for program in [*fleet.workers, *fleet.apis]:
        assert "another secret" not in program.text()


def test_health_and_handshake(fleet):
    assert fleet.http.get("/api/migration-server/health").status == 200
    handshake = fleet.http.get("/api/migration-server/handshake")
    assert handshake.status == 200 and handshake.data["handshake_with_dashboard"] == "ok", handshake
    assert fleet.http.get("/api/webhooks/test-connection", token=OPEN).json["service"] == "migration-dashboard"
    posted = fleet.http.post("/api/webhooks/test-connection", {"source": "x"}, token=OPEN).json
    assert posted["success"] is True and posted["your_payload"] == {"source": "x"}
