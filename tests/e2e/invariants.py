"""What must hold of a wave: while it runs (one snapshot), and after its end."""

import threading

# One statement is one snapshot: the sums and the counts belong to the same moment.
SNAPSHOT = """
WITH w AS (SELECT * FROM waves WHERE wave_id = %s),
p AS (SELECT coalesce(sum(claimed - released), 0) AS in_window, coalesce(sum(completed), 0) AS completed,
             coalesce(sum(failed), 0) AS failed, coalesce(sum(cancelled), 0) AS cancelled,
             coalesce(sum(blocked), 0) AS blocked
      FROM wave_progress JOIN w USING (wave_no)),
c AS (SELECT count(*) AS rows, count(*) FILTER (WHERE m.state IN ('running', 'parked')) AS in_window,
             count(*) FILTER (WHERE m.state = 'running') AS running,
             count(*) FILTER (WHERE m.state = 'parked') AS parked,
             count(*) FILTER (WHERE m.state = 'completed') AS completed,
             count(*) FILTER (WHERE m.state = 'failed') AS failed,
             count(*) FILTER (WHERE m.state = 'cancelled') AS cancelled,
             count(*) FILTER (WHERE m.state = 'blocked') AS blocked
      FROM migrations m JOIN w USING (wave_no))
SELECT w.wave_no, w.state::text AS state, w.run_no, w.total, w.batch_size, w.completed_at,
       p.in_window AS sum_in_window, p.completed AS sum_completed, p.failed AS sum_failed,
       p.cancelled AS sum_cancelled, p.blocked AS sum_blocked, c.*
FROM w, p, c
"""

# A condition on waves, of which it is given what has no end: they wait for a person, paused, or reset with something to start.
HELD = """(waves.state = 'paused' OR (waves.state = 'ready' AND NOT waves.planned
    AND waves.total > (SELECT coalesce(sum(p.completed + p.failed + p.cancelled), 0)
                         FROM wave_progress p WHERE p.wave_no = waves.wave_no)))"""

ENDED = ("completed", "error", "stopped")
SETTLED = ("completed", "failed", "cancelled")


def snapshot(sql, wave_id):
    found = sql.row(SNAPSHOT, wave_id)
    assert found, f"wave {wave_id} is not in PostgreSQL"
    return found


def disagreements(s):
    """Where the sums of wave_progress and the rows of one snapshot differ."""
    pairs = {n: (s["sum_" + n], s[n]) for n in ("in_window", "completed", "failed", "cancelled", "blocked")}
    wrong = [f"{n}: progress says {a}, rows say {b}" for n, (a, b) in pairs.items() if a != b]
    if s["rows"] != s["total"]:
        wrong.append(f"total {s['total']}, rows {s['rows']}")
    return wrong


class Sampler:
    """Takes snapshots of waves in a thread while a test does other things."""

    def __init__(self, sql, *wave_ids, every_s=0.01):
        self.sql, self.wave_ids, self.every_s = sql, wave_ids, every_s
        self.samples, self.wrong, self.error = {w: [] for w in wave_ids}, [], None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.done.is_set():
                for wave_id in self.wave_ids:
                    s = snapshot(self.sql, wave_id)
                    self.samples[wave_id].append(s)
                    self.wrong += [f"{wave_id}: {w}" for w in disagreements(s)]
                self.done.wait(self.every_s)
        except BaseException as e:          # shown by __exit__, in the test's own thread
            self.error = e

    def peak(self, wave_id, what="in_window"):
        return max((s[what] for s in self.samples[wave_id]), default=0)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.done.set()
        self.thread.join(10)
        if exc[0] is None:
            assert self.error is None, f"sampling failed: {self.error!r}"
            assert not self.wrong, self.wrong[:10]


def check_ended(sql, wave_id, restarts=0, watched=True):
    """The wave has ended, exactly, once for each run, and every attempt is there once."""
    s = snapshot(sql, wave_id)
    assert s["state"] in ENDED, f"wave {wave_id} is {s['state']}"
    assert s["completed_at"] is not None
    assert not disagreements(s), disagreements(s)
    assert s["in_window"] == 0 and s["completed"] + s["failed"] + s["cancelled"] == s["total"], s
    if s["state"] != "stopped":
        assert s["state"] == ("error" if s["failed"] else "completed"), s
    check_attempts(sql, s["wave_no"])
    if watched:
        check_witness(sql, s["wave_no"], restarts)
    return s


def check_attempts(sql, wave_no):
    wrong = sql.rows("""
        SELECT m.id, m.project, m.state::text AS state, m.attempt, count(a.attempt) AS rows,
               count(DISTINCT a.attempt) AS numbers, max(a.attempt) AS highest,
               count(*) FILTER (WHERE a.outcome::text = 'completed') AS completions
        FROM migrations m LEFT JOIN attempts a ON a.migration_id = m.id
        WHERE m.wave_no = %s GROUP BY m.id
        HAVING count(a.attempt) <> count(DISTINCT a.attempt)
            OR coalesce(max(a.attempt), 0) > m.attempt
            OR (m.state IN ('completed', 'failed') AND count(a.attempt) <> m.attempt)
            OR (m.state = 'completed' AND count(*) FILTER (WHERE a.outcome::text = 'completed') < 1)
        LIMIT 5""", wave_no)
    assert not wrong, f"attempts do not tell each number once: {wrong}"
    for table in ("active", "under_way"):
        left = sql.value(f"SELECT count(*) FROM {table} WHERE wave_no = %s", wave_no)
        assert left == 0, f"{left} rows of an ended wave are still in {table}"


def check_witness(sql, wave_no, restarts):
    over = sql.rows("SELECT * FROM watch.breaches WHERE wave_no = %s LIMIT 3", wave_no)
    assert not over, f"the window was exceeded at a claim: {over}"
    strange = sql.rows("SELECT * FROM watch.strange WHERE wave_no = %s LIMIT 3", wave_no)
    assert not strange, f"steps that no transition allows: {strange}"
    ends = sql.rows("""SELECT run_no, count(*) AS times FROM watch.wave_steps
        WHERE wave_no = %s AND became = ANY(%s) GROUP BY run_no""", wave_no, list(ENDED))
    assert ends and all(e["times"] == 1 for e in ends), f"ends of the wave by run: {ends}"
    twice = sql.rows("""SELECT id, count(*) AS times, array_agg(became ORDER BY seq) AS steps FROM watch.steps
        WHERE wave_no = %s AND became = ANY(%s) GROUP BY id HAVING count(*) > %s LIMIT 3""",
                     wave_no, list(SETTLED), 1 + restarts)
    assert not twice, f"settled more than once: {twice}"


def residue(redis, sql, wave_id):
    """What Redis still holds of a wave: names of keys, and ids in lists of all waves."""
    row = sql.row("SELECT wave_no FROM waves WHERE wave_id = %s", wave_id)
    ids = {str(r["id"]) for r in sql.rows("SELECT id FROM migrations WHERE wave_no = %s", row["wave_no"])}
    names = {str(row["wave_no"]), wave_id}
    found = []
    for key in redis.scan_iter("wavefleet:*", count=500):
        part = key.split(":")
        if part[1] == "wave" and part[2] in names:
            found.append(key)
        elif part[1] in ("queue", "processing", "demand", "delayed"):
            found += [f"{key} ∋ {i}" for i in sorted(members(redis, key) & ids)[:3]]
        elif part[1] == "turn":
            found += [f"{key} ∋ {i}" for i in members(redis, key) & names]
    return found


def members(redis, key):
    kind = redis.type(key)
    if kind == "list":
        return set(redis.lrange(key, 0, -1))
    if kind == "set":
        return set(redis.smembers(key))
    return set(redis.zrange(key, 0, -1)) if kind == "zset" else set()


def fingerprint(sql, redis):
    """Everything that a refused request must leave as it was. `workers` beats by
    itself, `tokens` notes its last use, `depth:*` and `installations` are renewed every second: they do not count."""
    tables = [r["t"] for r in sql.rows("""SELECT table_name AS t FROM information_schema.tables
        WHERE table_schema = 'wavefleet' AND table_type = 'BASE TABLE' AND table_name NOT IN ('workers', 'tokens')""")]
    rows = {t: sql.value(f'SELECT md5(string_agg(x::text, chr(10) ORDER BY x::text)) FROM wavefleet."{t}" x') for t in tables}
    keys = {k: redis.dump(k) for k in redis.scan_iter("*", count=500) if ":depth:" not in k and not k.endswith(":installations")}
    return rows, keys


def changed(before, after):
    """The tables and keys in which two fingerprints differ, by name."""
    return sorted(k for a, b in zip(before, after) for k in a.keys() | b.keys() if a.get(k) != b.get(k))
