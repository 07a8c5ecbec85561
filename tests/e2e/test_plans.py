"""The statements of the hot path, planned for tables that are still empty: sessions keep such plans, so each
must find its rows by what is given, or it reads whole tables when they are full."""

import json
import re
from pathlib import Path

import psycopg2
import pytest

ROOT = Path(__file__).resolve().parents[2]
LARGE = {"migrations", "active", "attempts_kept", "wave_progress", "waves", "dead", "unresolved", "dependencies"}
# As pg_params.c has them.
SETTINGS = ("search_path=wavefleet,public", "jit=off", "plan_cache_mode=force_generic_plan", "enable_seqscan=off")
STATEMENTS = {
    "claim_lock": "'{1}', 1",
    "pair_locks": "'{1}'",
    "claim_lock_many": "'{1}', '{2}', 1",
    "claim": "'{1}', 1, 1, '{default}', '{}', 10, false, '{}', 20000, 4, 4",
    "claim_fresh": "'{1}', 1, 1, '{default}', '{}', 10, '{}', 20000, 4",
    "claim_many": "'{1}', '{2}', 1, 1, '{default}', '{}', true, '{}', 20000, 4",
    "settle_lock": "'{1}', '{}'",
    "settle": "'{1}', '{1}', '{completed}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{-1}', '{0}', 1, 1, 1, 1, 1, '{0}', 0, false, '{0}', true",
    "settle_completed": "'{1}', '{1}', '{NULL}', '{}', '{}', '{}', 1, 1, '{0}', true, 0",
    "slots_promise": "1, 1",
    "waves_to_judge": "'{1}', '{1}'",
    "look": "'{1}'",
    "claim_note": "1",
    "reap_lock": "1",
    "worker_rows": "1",
    "worker_leave": "1",
    "wave_inflight": "1",
    # what pages and reports ask for
    "wave_counts": "'1'",
    "wave_throughput": "'1', 60",
    "wave_report": "'1', 100, 20",
    "wave_readiness": "'1'",
    "wave_span": "'1'",
    "wave_rows": "1, true, 1, 2, '', 500",
    "wave_migrations": "'1', NULL, NULL, 0, NULL, 100, NULL, 1000",
    "migration_attempts": "1, 9, 10",
    "worker_show": "1, 100",
}


# r: what is given; g: what a claim before has claimed (claim_runs).
RANGES = "((id >= r.first) AND (id <= r.last))", "((id >= g.first) AND (id <= g.last))"


def scans(node, found):
    """What the plan reads of large tables; not the list of open waves, which is made only where no ids are given."""
    unasked = node.get("Parent Relationship") == "InitPlan" and node.get("Index Name") == "waves_open"
    if node.get("Relation Name") in LARGE and node["Node Type"] != "ModifyTable" and not unasked:
        found.append(node)
    for part in node.get("Plans", []):
        scans(part, found)
    return found


@pytest.fixture(scope="module")
def session(fleet):
    connection = psycopg2.connect(fleet.place.database_url, options=" ".join("-c " + s for s in SETTINGS))
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet()


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_finds_its_rows_by_what_is_given(session, name):
    text = (ROOT / "common/store/sql" / f"{name}.sql").read_text()
    session.execute(f"PREPARE {name} AS {re.sub(r'^--.*$', '', text, flags=re.M)}")
    session.execute(f"EXPLAIN (FORMAT JSON) EXECUTE {name}({STATEMENTS[name]})")
    plan = session.fetchone()[0][0]["Plan"]
    found = scans(plan, [])
    assert found, plan
    for node in found:
        assert {"Index Cond", "Recheck Cond", "TID Cond"} & node.keys(), json.dumps(node, indent=1)


@pytest.fixture
def large(make_fleet):
    """What a session sees that connects when there are many rows, of whose ids no order is left in the table."""
    with psycopg2.connect(make_fleet(watched=False).place.database_url,
                          options=" ".join("-c " + s for s in SETTINGS)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("""INSERT INTO migrations (id, wave_no, project, params)
                SELECT n, n % 20, 'p' || n, to_jsonb(repeat('x', 1000)) FROM generate_series(1, 20000) n ORDER BY md5(n::text)""")
            cursor.execute("ANALYZE migrations")
            yield cursor
            connection.rollback()
    connection.close()


@pytest.mark.parametrize("name", ["claim_lock_many", "claim_many"])
def test_ranges_are_looked_up_where_there_are_many_rows(large, name):
    text = (ROOT / "common/store/sql" / f"{name}.sql").read_text()
    large.execute(f"PREPARE {name} AS {re.sub(r'^--.*$', '', text, flags=re.M)}")
    large.execute(f"EXPLAIN (FORMAT JSON) EXECUTE {name}({STATEMENTS[name]})")
    found = [n for n in scans(large.fetchone()[0][0]["Plan"], []) if n["Relation Name"] == "migrations"]
    assert found
    for node in found:
        assert node.get("TID Cond") or node.get("Index Cond") in RANGES, json.dumps(node, indent=1)


def test_what_runs_is_read_once_for_a_demand(session):
    """Not for each wave, nor each id held against each other one: both took a second where thousands run."""
    text = (ROOT / "common/store/sql/reconcile_demand.sql").read_text()
    session.execute(f"PREPARE demand AS {re.sub(r'^--.*$', '', text, flags=re.M)}")
    session.execute("EXPLAIN EXECUTE demand('default', '{1}')")
    plan = [line[0] for line in session.fetchall()]
    runs = next(n for n, line in enumerate(plan) if "CTE runs" in line)
    used = next(n for n, line in enumerate(plan) if "CTE Scan on runs" in line)
    assert [runs < n < used for n, line in enumerate(plan) if "Scan using claims_pkey" in line] == [True], plan
    assert "NOT (hashed SubPlan" in plan[used + 1], plan


def test_it_would_notice_a_plan_that_reads_all(session):
    session.execute("EXPLAIN (FORMAT JSON) SELECT count(*) FROM active a JOIN migrations m ON m.id = a.migration_id")
    found = scans(session.fetchone()[0][0]["Plan"], [])
    assert any(not {"Index Cond", "Recheck Cond", "TID Cond"} & node.keys() for node in found)
