"""claim_fresh and claim_many are claim in fewer steps: whatever the tables hold, they claim nothing that claim would not,
do to each row what claim does, and take all where nothing is special."""

import random
import re
from pathlib import Path

import psycopg2
import psycopg2.extras
import pytest

SQL = Path(__file__).resolve().parents[2] / "common/store/sql"
SETTINGS = ("search_path=wavefleet,public", "jit=off", "plan_cache_mode=force_generic_plan", "enable_seqscan=off")
CLAIMS = {"claim_lock": "bigint[], bigint", "claim_lock_many": "bigint[], bigint[], bigint",
          "claim": "bigint[], bigint, int, text[], bigint[], int, boolean, bigint[], bigint, int, int",
          "claim_fresh": "bigint[], bigint, int, text[], bigint[], int, bigint[], bigint, int",
          "claim_many": "bigint[], bigint[], bigint, int, text[], bigint[], boolean, bigint[], bigint, int"}
WORKER = 1


def ranges(ids):
    """First and last ids of ranges of neighbours."""
    ids = sorted(ids)
    first = [i for at, i in enumerate(ids) if at == 0 or ids[at - 1] != i - 1]
    last = [i for at, i in enumerate(ids) if at + 1 == len(ids) or ids[at + 1] != i + 1]
    return first, last


@pytest.fixture(scope="module")
def cursor(make_fleet):
    fleet = make_fleet(watched=False)
    connection = psycopg2.connect(fleet.place.database_url, options=" ".join("-c " + s for s in SETTINGS))
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as c:
        for name, types in CLAIMS.items():
            text = re.sub(r"^--.*$", "", (SQL / f"{name}.sql").read_text(), flags=re.M)
            c.execute(f"PREPARE {name} ({types}) AS {text}")
        connection.commit()
        yield c
        connection.rollback()
    connection.close()


def make_wave(c, n, rows, **columns):
    """A running wave of noops with a row for each dict; returns its number and the ids."""
    fields = {"wave_id": f"w{n}", "name": "w", "kind": "noop", "state": "running", "batch_size": 100, "max_attempts": 5,
              "total": len(rows), **columns}
    c.execute(f"INSERT INTO waves ({', '.join(fields)}) VALUES ({', '.join(['%s'] * len(fields))}) RETURNING wave_no",
              list(fields.values()))
    wave_no = c.fetchone()["wave_no"]
    ids = []
    for i, row in enumerate(rows):
        fields = {"wave_no": wave_no, "project": f"p{i}", **row}
        c.execute(f"INSERT INTO migrations ({', '.join(fields)}) VALUES ({', '.join(['%s'] * len(fields))}) RETURNING id",
                  list(fields.values()))
        ids.append(c.fetchone()["id"])
        if fields.get("state") in ("running", "parked", "retrying"):
            c.execute("""INSERT INTO active (migration_id, wave_no, state, worker_id, attempt, due_at)
                VALUES (%s, %s, %s, %s, 1, now() + %s * interval '1 minute')""",
                      (ids[-1], wave_no, fields["state"], 9 if fields["state"] == "running" else None, random.choice((-1, 1))))
    held = sum(r.get("state") in ("running", "parked") for r in rows)
    if held:
        c.execute("INSERT INTO wave_progress (wave_no, shard, claimed) VALUES (%s, 7, %s)", (wave_no, held))
    return wave_no, ids


def make_worker(c, alive=True):
    c.execute("""INSERT INTO workers (worker_id, name, slot, host, boot_id, pid_ns, pid, pid_started, queues, concurrency,
        version, lease_ms, protocol, alive) OVERRIDING SYSTEM VALUE
        VALUES (%s, gen_random_uuid(), 1, 'h', 'b', 'p', 1, 1, '{default}', 10, 'x', 15000, 4, %s)""", (WORKER, alive))


def learn(c, wave_no, bodies, us):
    """What a worker has told of the wave's bodies."""
    c.execute("""INSERT INTO wave_progress AS p (wave_no, shard, bodies, bodies_us) VALUES (%s, 7, %s, %s)
        ON CONFLICT (wave_no, shard) DO UPDATE SET bodies = p.bodies + excluded.bodies,
               bodies_us = p.bodies_us + excluded.bodies_us""", (wave_no, bodies, bodies * us))


def whole(row, wave):
    """An answer of claim_many says once of each wave what is the same for all of it, and leaves out what is usual."""
    if wave is None:
        return row
    assert row["started_ms"] is None and row["body_us"] is None
    row.update(started_ms=wave["started_ms"], body_us=wave["body_us"], spent=row["spent"] or 0,
               first_started_ms=row["first_started_ms"] or wave["started_ms"])
    return row


def claimed_by(c, full, ids, short, lone, many, long=(), tries=0):
    """What the claim claimed, {id: its answer}, and what it left in the tables; nothing of it stays."""
    first, last = ranges(ids)
    c.execute("SAVEPOINT before")
    if many:
        c.execute("EXECUTE claim_lock_many (%s::bigint[], %s::bigint[], %s)", (first, last, WORKER))
    else:
        c.execute("EXECUTE claim_lock (%s::bigint[], %s)", (ids, WORKER))
    values = [WORKER, 1, ["default", "other"], short]
    if full:
        c.execute("EXECUTE claim (%s::bigint[], %s, %s, %s, %s::bigint[], %s, %s, %s::bigint[], 20000, 4, %s)",
                  (ids, *values, lone, many, list(long), tries))
    elif many:
        c.execute("EXECUTE claim_many (%s::bigint[], %s::bigint[], %s, %s, %s, %s::bigint[], %s, %s::bigint[], 20000, 4)",
                  (first, last, *values, len(ids) <= lone, list(long)))
    else:
        c.execute("EXECUTE claim_fresh (%s::bigint[], %s, %s, %s, %s::bigint[], %s, %s::bigint[], 20000, 4)",
                  (ids, *values, lone, list(long)))
    rows = c.fetchall()
    of_wave = {r["wave_no"]: r for r in rows if r["id"] is None}
    answers = {r["id"]: whole(r, of_wave.get(r["wave_no"])) for r in rows if r["claimed"] is not None}
    tables = {}
    for table, key in (("migrations", "id"), ("under_way", "migration_id"), ("wave_progress", "wave_no, shard")):
        c.execute(f"SELECT * FROM {table} ORDER BY {key}")
        tables[table] = c.fetchall()
    c.execute("ROLLBACK TO before")
    return answers, tables


def test_it_claims_nothing_that_claim_would_not(cursor):
    c, some, all_of_it = cursor, 0, 0
    for seed in range(120):
        rnd = random.Random(seed)
        random.seed(seed)
        make_worker(c, alive=rnd.random() > 0.05)
        waves, ids = [], []
        if rnd.random() < 0.2:
            c.execute("INSERT INTO queues (queue, paused) VALUES ('other', true)")
        plain = rnd.random() < 0.3
        for n in range(rnd.randint(1, 4)):
            odd = 0 if plain else 0.25
            rows = [{"state": rnd.choice(("pending", "running", "parked", "retrying", "completed", "failed", "blocked"))
                     if rnd.random() < odd else "pending",
                     "crashes": int(rnd.random() < odd / 2), "attempt": rnd.randint(0, 3),
                     "brz_project_id": rnd.choice((None, 5))} for _ in range(rnd.randint(1, 8))]
            special = {} if plain or rnd.random() < 0.4 else rnd.choice((
                {"state": "paused"}, {"kind": "remote"}, {"queue": "other"}, {"queue": "nobody's"}, {"batch_size": 2},
                {"gate_id": 1}, {"batch_size": 1, "total": 50}, {"state": "stopped"}))
            wave_no, its = make_wave(c, n, rows, **special)
            waves.append(wave_no)
            if rnd.random() < 0.3:
                learn(c, wave_no, rnd.choice((3, 4, 5)), rnd.choice((10, 30000)))
            ids += rnd.sample(its, rnd.randint(1, len(its)))
        ids = sorted(ids)
        short = waves if rnd.random() < 0.5 else rnd.sample(waves, rnd.randint(0, len(waves)))
        long = [w for w in waves if w not in short and rnd.random() < 0.3]
        lone, many = rnd.choice((0, 3, 100)), rnd.random() < 0.5
        fresh, fresh_tables = claimed_by(c, False, ids, short, lone, many, long)
        full, full_tables = claimed_by(c, True, ids, short, lone, many, long)
        told = f"seed {seed}: {sorted(fresh)} and {sorted(full)} of {ids}"
        assert fresh.keys() <= full.keys(), told
        for i, answer in fresh.items():
            assert answer == {k: full[i][k] for k in answer}, told
        if fresh.keys() == full.keys():
            assert fresh_tables == full_tables, told
        rows = {r["id"]: r for r in full_tables["migrations"]}
        for row in fresh_tables["migrations"]:
            assert row["id"] not in fresh or row == rows[row["id"]], told
        some += bool(fresh)
        all_of_it += len(fresh) == len(ids)
        c.connection.rollback()
    assert some > 40 and all_of_it > 15, (some, all_of_it)


@pytest.mark.parametrize("many", [False, True])
def test_it_takes_all_where_nothing_is_special(cursor, many):
    make_worker(cursor)
    ids = []
    for n in range(3):
        ids += make_wave(cursor, n, [{} for _ in range(20)])[1]
    fresh, tables = claimed_by(cursor, False, ids, [], 100, many)
    assert sorted(fresh) == ids
    assert [r["state"] for r in tables["migrations"]] == ["running"] * 60
    assert sum(r["claimed"] for r in tables["wave_progress"]) == 60
    cursor.connection.rollback()


@pytest.mark.parametrize("full, many", [(True, False), (True, True), (False, False), (False, True)])
@pytest.mark.parametrize("bodies, us, long, ahead", [(4, 19999, False, True), (3, 10, False, False), (4, 20000, False, False),
                                                     (400, 10, True, False)])
def test_what_any_worker_has_learnt_counts(cursor, full, many, bodies, us, long, ahead):
    """Unless this one knows better; and each is told of it."""
    make_worker(cursor)
    wave_no, ids = make_wave(cursor, 0, [{} for _ in range(20)])
    learn(cursor, wave_no, bodies - 1, us)
    cursor.execute("INSERT INTO wave_progress (wave_no, shard, bodies, bodies_us) VALUES (%s, 3, 1, %s)", (wave_no, us))
    claimed, _ = claimed_by(cursor, full, ids, [], 5, many, [wave_no] if long else [])
    assert len(claimed) == (20 if ahead else 5 if full else 0)
    assert {r["body_us"] for r in claimed.values()} <= {us if bodies >= 4 else None}
    cursor.connection.rollback()


def test_waves_of_which_nothing_is_known_are_tried_side_by_side(cursor):
    make_worker(cursor)
    ids = [make_wave(cursor, n, [{} for _ in range(20)])[1] for n in range(4)]
    claimed, _ = claimed_by(cursor, "claim", sum(ids, []), [], 10, False)
    assert [len(claimed.keys() & set(of)) for of in ids] == [3, 3, 2, 2]
    assert all(claimed.keys() & set(of) == set(of[:len(claimed.keys() & set(of))]) for of in ids)
    cursor.connection.rollback()


@pytest.mark.parametrize("many", [False, True])
def test_a_few_of_each_are_tried_past_what_may_be_claimed_of_all(cursor, many):
    """The first ones of each, whoever claims them: one of which as many are under way waits for these, and what has
    crashed goes alone."""
    make_worker(cursor)
    waves = [make_wave(cursor, n, [{"crashes": int(n == 2 and i == 3)} for i in range(20)]) for n in range(6)]
    for (wave_no, _), under_way in zip(waves, (1, 4)):
        cursor.execute("INSERT INTO wave_progress (wave_no, shard, claimed) VALUES (%s, 7, %s)", (wave_no, under_way))
    claimed, _ = claimed_by(cursor, True, sum((ids for _, ids in waves), []), [], 8, many, tries=4)
    assert [sum(r["wave_no"] == no for r in claimed.values()) for no, _ in waves] == [3, 2, 3, 4, 4, 4]
    claimed, _ = claimed_by(cursor, True, waves[3][1], [], 8, many, tries=4)
    assert len(claimed) == 8
    cursor.connection.rollback()


def test_ranges_hold_no_more_than_was_given(cursor):
    """Ids of several waves by turns, with gaps."""
    make_worker(cursor)
    waves = [make_wave(cursor, n, [{} for _ in range(9)])[1] for n in range(3)]
    ids = [i for its in waves for i in its if i % 4]
    claimed, tables = claimed_by(cursor, False, ids, [], 100, True)
    assert sorted(claimed) == ids
    assert [r["id"] for r in tables["migrations"] if r["state"] == "running"] == ids
    cursor.connection.rollback()
