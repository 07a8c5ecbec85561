"""The history of attempts: one that has completed its migration is told by the migration's own row (the view `attempts`),
all others, and those that a person has taken back, are rows of `attempts_kept`."""

import pytest

import previous
from failing import names
from wavefleet import ENDED, wait_until

COLUMNS = "migration_id, attempt, worker_id, started_at, finished_at, outcome, class, error"


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=2, concurrency=4)


def history(sql, migration_id=None, table="attempts"):
    return sql.rows(f"SELECT {COLUMNS} FROM {table} WHERE migration_id = %s OR %s ORDER BY 1, 2", migration_id, migration_id is None)


def kept(sql, migration_id):
    return [a["attempt"] for a in history(sql, migration_id, "attempts_kept")]


def completed_wave(fleet, name, n=1, **params):
    wave = fleet.wave_and_wait(name, names(n), params=params)
    return wave, [m["id"] for m in fleet.migrations(wave).values()]


def test_what_has_completed_is_written_once(fleet):
    wave, ids = completed_wave(fleet, "brief", 300)
    for one in ids:
        assert kept(fleet.sql, one) == []
    rows = fleet.sql.rows("""SELECT a.*, m.started_at AS began, m.finished_at AS ended, m.worker_id AS on_worker
        FROM attempts a JOIN migrations m ON m.id = a.migration_id WHERE m.id = ANY (%s)""", ids)
    assert sorted(r["migration_id"] for r in rows) == sorted(ids)
    for r in rows:
        assert (r["attempt"], r["outcome"], r["class"], r["error"]) == (1, "completed", None, None)
        assert (r["started_at"], r["finished_at"], r["worker_id"]) == (r["began"], r["ended"], r["on_worker"]) and r["worker_id"]
    fleet.check_wave(wave, "completed")


def test_what_has_not_is_kept_beside_it(fleet):
    wave = fleet.wave_and_wait("third time", ["a"], params={"fail": {"times": 2, "class": "temporary"}}, max_attempts=5)
    one = fleet.migrations(wave)["a"]["id"]
    assert [a["outcome"] for a in history(fleet.sql, one)] == ["failed", "failed", "completed"]
    assert kept(fleet.sql, one) == [1, 2]
    shown = fleet.http.get(f"/api/migrations/m{one}/attempts").data
    assert [(a["attempt"], a["outcome"]) for a in shown] == [(3, "completed"), (2, "failed"), (1, "failed")]
    fleet.check_wave(wave, "completed")


ACTS = {
    "reset": lambda http, wave, ref: http.post(f"/api/migrations/{ref}/reset-status", {}),
    "hard reset": lambda http, wave, ref: http.post(f"/api/migrations/{ref}/hard-reset", {}),
    "reset of the wave": lambda http, wave, ref: http.post(f"/api/waves/{wave}/reset-status", {}),
    "restart": lambda http, wave, ref: http.post(f"/api/migrations/{ref}/restart", {}),
    "restart by name": lambda http, wave, ref: http.post(f"/api/waves/{wave}/migrations/{names(1)[0]}/restart", {}),
    "restart of many": lambda http, wave, ref: http.post(f"/api/waves/{wave}/restart-all", {"mb_uuids": names(1)}),
    "set to completed": lambda http, wave, ref: http.post(f"/api/migrations/{ref}/set-completed", {}),
}


@pytest.mark.parametrize("act", ACTS)
def test_whoever_takes_it_back_keeps_its_attempt(fleet, act):
    wave, (one,) = completed_wave(fleet, act)
    before = history(fleet.sql, one)
    assert len(before) == 1 and kept(fleet.sql, one) == []
    assert fleet.http.post(f"/api/waves/{wave}/restart-all", {"dry_run": True, "mb_uuids": names(1)}).status == 200
    assert kept(fleet.sql, one) == []
    reply = ACTS[act](fleet.http, wave, f"m{one}")
    assert reply.status in (200, 202), reply
    assert history(fleet.sql, one)[:1] == before and 1 in kept(fleet.sql, one)
    if fleet.status(wave)["status"] not in ENDED:
        fleet.http.post(f"/api/waves/{wave}/restart-all", {})       # what was reset waits for it
    fleet.wait_wave(wave)
    wait_until(lambda: fleet.migrations(wave)[names(1)[0]]["state"] == "completed", 20, "its second attempt")
    after = history(fleet.sql, one)
    assert after[:1] == before and [(a["attempt"], a["outcome"]) for a in after] == [(1, "completed"), (2, "completed")]
    # once more, so that what is kept is found there already
    reply = ACTS[act](fleet.http, wave, f"m{one}")
    assert reply.status in (200, 202), reply
    assert history(fleet.sql, one)[:2] == after


def test_a_report_counts_each_attempt_once(fleet):
    wave = fleet.wave_and_wait("report", [{"project": f"p{i}", "params": {"fail": {"times": i, "class": "temporary"}} if i else {}} for i in range(3)],
                               max_attempts=5)
    told = fleet.http.get(f"/api/waves/{wave}/report").data["attempts"]
    assert told["count"] == 6 and told["beyond_the_first"] == 3
    assert {o["outcome"]: o["count"] for o in told["outcomes"]} == {"completed": 3, "failed": 3}


# ---- the schema's step ----

@pytest.fixture
def empty(make_own_fleet):
    return make_own_fleet(api=False, watched=False)


def test_the_schema_brings_the_history_along(empty):
    """What programs of the release before the step have written is told as before, to whoever could read it."""
    fleet, sql = empty, empty.sql
    old = previous.programs(previous.BEFORE_VIEW)
    old_api = fleet.start_api(programs=old)
    old_worker = fleet.start_worker(4, programs=old)
    fleet.http = old_api.http
    wave = fleet.wave_and_wait("before", [{"project": f"p{i:02}", "params": {"fail": {"times": 1 + i % 3, "class": "temporary"}}} for i in range(30)],
                               max_attempts=2)
    before = history(sql)
    assert {a["outcome"] for a in before} == {"completed", "failed"} and len(before) == 60
    role = "reader_of_" + sql.value("SELECT current_database()")
    sql.execute(f"CREATE ROLE {role}; GRANT USAGE ON SCHEMA wavefleet TO {role}; GRANT SELECT ON attempts TO {role}")
    try:
        api = fleet.start_api()
        assert history(sql) == before and history(sql, table="attempts_kept") == before
        assert sql.value("SELECT has_table_privilege(%s, 'wavefleet.attempts', 'SELECT')", role)
        # both write it, as each knows how
        fleet.start_worker(4)
        more = api.http.post("/api/waves", {"name": "beside", "kind": "noop", "project_uuids": names(200), "batch_size": 20,
                                            "params": {"sleep_ms": 5}}).data["wave_id"]
        fleet.wait_wave(more)
        by = sql.rows("""SELECT k.version, count(*) AS n, count(o.attempt) AS kept FROM attempts a JOIN workers k USING (worker_id)
            LEFT JOIN attempts_kept o USING (migration_id, attempt)
            WHERE a.migration_id IN (SELECT id FROM migrations JOIN waves USING (wave_no) WHERE wave_id = %s) GROUP BY 1 ORDER BY 1""", more)
        assert len(by) == 2 and sum(r["n"] for r in by) == 200, by
        assert (by[0]["kept"], by[1]["kept"]) == (by[0]["n"], 0), by
        # the old release takes back what the new one has completed, and keeps its attempt
        mine = sql.value("""SELECT a.migration_id FROM attempts a LEFT JOIN attempts_kept o USING (migration_id, attempt)
            WHERE o.attempt IS NULL ORDER BY 1 LIMIT 1""")
        told = history(sql, mine)
        assert old_api.http.post(f"/api/migrations/m{mine}/reset-status", {}).status == 200
        assert history(sql, mine) == told
    finally:
        sql.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert old_worker.alive


def test_no_worker_that_could_settle_nothing(empty):
    """One that writes attempts where nobody can any more would go on running bodies: it is found before the schema changes, and
    cannot register afterwards."""
    fleet, sql = empty, empty.sql
    older = previous.programs(previous.BEFORE_KEPT)
    old_api = fleet.start_api(programs=older)
    old_worker = fleet.start_worker(2, programs=older)
    fleet.http = old_api.http
    api = fleet.start_api(ready=False)
    wait_until(lambda: "is of release 0.15.0" in api.text() and "replace programs of releases before 0.16.0" in api.text(), 20, "its word")
    wave = fleet.wave_and_wait("goes on", names(20))
    assert len(history(sql)) == 20 and api.http.get("/readyz").status == 503
    assert old_worker.stop() is None
    fleet.forget(old_worker)
    fleet.wait_ready(api)
    assert len(history(sql)) == 20
    late = fleet.start_worker(2, ready=False, programs=older)
    wait_until(lambda: "release_0_16_0_or_later" in late.text(), 20, "the old worker's word")
    fleet.start_worker(2)
    another = api.http.post("/api/waves", {"name": "after", "kind": "noop", "project_uuids": names(20)}).data["wave_id"]
    assert fleet.wait_wave(another) == "completed"
    assert sql.value("SELECT count(*) FROM workers WHERE alive") == 1 and fleet.status(wave)["status"] == "completed"
