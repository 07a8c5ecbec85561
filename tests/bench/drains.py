"""Drains, held against the limit of their round."""

import copy
import statistics
import time

from ground import Costs, Ground
from wavefleet import wait_until
from work import RESULT, post_wave

LONGEST_DRAIN_S = 60
WAVES_BEFORE, EACH_BEFORE, PAUSE_S = 3, 4000, 0.3
SLOW_FLUSHES_MS = 1, 5
FEW_DRAINS = 3      # one alone differs by an eighth from the next


def drained(fleet, total, deadline_s, before=0):
    """Rows a second from the first claim to the last settlement, by the clock of PostgreSQL, of all waves but so many that
    were before. What has not ended by the deadline does not count; what has is proved to be settled once."""
    end = time.monotonic() + deadline_s
    while fleet.sql.value("SELECT count(*) FROM waves WHERE completed_at IS NULL") and time.monotonic() < end:
        time.sleep(0.05)
    s = fleet.sql.row("""SELECT count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE state = 'completed' AND attempt <> 1) AS again,
        count(*) FILTER (WHERE state = 'completed' AND wave_no > %s) AS drained,
        extract(epoch FROM max(finished_at) - min(started_at) FILTER (WHERE wave_no > %s))::float AS took,
        (SELECT count(*) FROM attempts WHERE outcome = 'completed') AS attempts,
        (SELECT sum(completed) FROM wave_progress) AS progress FROM migrations""", before, before)
    if time.monotonic() < end and not s["completed"] == s["attempts"] == s["progress"] == total:
        raise RuntimeError(f"not every migration was settled once: {s}")
    if not s["took"]:
        raise RuntimeError(f"nothing was drained in {deadline_s:.0f} s: {s}")
    return s["drained"], s["drained"] / s["took"], s["again"]


def together(fleet):
    """Rows a second while all workers were at work: from the first claim of the one that came last to the last settlement
    of the one that had nothing more first."""
    return fleet.sql.value("""WITH each AS (SELECT min(started_at) AS begun, max(finished_at) AS ended FROM attempts GROUP BY worker_id),
        span AS (SELECT max(begun) AS begun, min(ended) AS ended FROM each)
        SELECT count(*) / extract(epoch FROM s.ended - s.begun)::float FROM attempts a CROSS JOIN span s
         WHERE a.finished_at > s.begun AND a.finished_at <= s.ended GROUP BY s.begun, s.ended""") or 0


def ask(fleet, path):
    reply = fleet.http.post(path, {})
    if reply.status != 200:
        raise RuntimeError(f"{path}: {reply}")


def stand_by(fleet, workers):
    """Workers that have done something before, and wait for a queue that is paused. Returns how many rows that were, in
    a wave of their own each."""
    fleet.start_workers(workers, 10)
    for _ in range(WAVES_BEFORE):
        post_wave(fleet, EACH_BEFORE, params={"result": RESULT}, batch_size=10_000)
        wait_until(lambda: not fleet.sql.value("SELECT count(*) FROM waves WHERE completed_at IS NULL"), 30, "the waves before")
        time.sleep(PAUSE_S)
    ask(fleet, "/api/queues/default/pause")
    return WAVES_BEFORE * EACH_BEFORE


def drain(bench, name, waves, each, workers=2, standing=False, counted=False, **fields):
    """One drain: everything is in the backlog before the first worker starts, or, where they stand by, before their queue
    is resumed. Returns rows a second, and what a job costs; its commits only where they are to be counted."""
    total = waves * each
    with bench.ground.fleet(name) as fleet:
        before = stand_by(fleet, workers) if standing else 0
        for _ in range(waves):
            post_wave(fleet, each, params={"result": RESULT}, **fields)
        bench.ground.checkpoint(fleet)
        costs = Costs(bench.ground, fleet)
        if standing:
            ask(fleet, "/api/queues/default/resume")
        else:
            for _ in range(workers):  # nobody looks whether they are there: that would take a part of the machine
                fleet.start_worker(10, ready=False)
        deadline_s = min(LONGEST_DRAIN_S, max(bench.ground.left_s(), 5))
        done, rate, again = drained(fleet, total + before, deadline_s, WAVES_BEFORE if standing else 0)
        found = costs.each(done)
        found["together"] = together(fleet)
        if counted:
            found["commits"] = costs.all_commits(done)
    if done < total:
        bench.say(f"{name}: only {done} of {total} in {LONGEST_DRAIN_S} s")
    if again:
        bench.say(f"{name}: {again} needed a second attempt")
    return rate, found


def add(seen, values):
    for key, value in values.items():
        seen.setdefault(key, []).append(value)


def in_turn(bench, rows, seen):
    """The limit, twenty waves, one wave with a window, and ten workers, in turn, so that all meet the same weather.
    Their rates and ratios are added to seen; returns what a job of the twenty waves costs."""
    limit = bench.ground.limit(rows, 20)
    rate, found = drain(bench, "drain", 20, rows // 20, counted=True, batch_size=10_000)
    single, _ = drain(bench, "single", 1, rows, batch_size=200)
    ten, of_ten = drain(bench, "ten", 20, rows // 20, workers=10, batch_size=10_000)
    two_stand, _ = drain(bench, "two_stand", 20, rows // 20, standing=True, batch_size=10_000)
    ten_stand, _ = drain(bench, "ten_stand", 20, rows // 20, workers=10, standing=True, batch_size=10_000)
    add(seen, {"limit": limit, "drain": rate, "single": single, "ten": ten, "ratio": rate / limit,
               "two_stand": two_stand, "ten_stand": ten_stand, "stand_ratio": ten_stand / two_stand,
               "single_ratio": single / rate, "ten_ratio": ten / rate,
               "together_ratio": of_ten["together"] / max(found["together"], 1)})
    return found


def drains(bench):
    rows = bench.size(100_000, 2_000)
    seen, costs = {}, {}
    for _ in bench.rounds():
        add(costs, in_turn(bench, rows, seen))
        crowd, _ = drain(bench, "crowd", 1, rows, workers=10, batch_size=200)
        add(seen, {"crowd": crowd, "crowd_ratio": crowd / seen["single"][-1]})
    bench.report("limit", f"pgbench, 2 clients, 50 results a statement, {rows:,} rows", seen["limit"], "rows/s")
    bench.report("drain", f"{rows:,} noop in 20 waves, 2 workers of 10 runners", seen["drain"], "rows/s")
    bench.report("drain_ratio", "the same against the limit of its round", seen["ratio"], "", at_least=0.5)
    bench.report("single", f"{rows:,} noop in one wave, batch_size 200", seen["single"], "rows/s")
    bench.report("single_ratio", "the same against the 20 waves of its round", seen["single_ratio"], "", at_least=0.8)
    bench.report("ten", f"{rows:,} noop in 20 waves, 10 workers of 10 runners", seen["ten"], "rows/s")
    bench.report("ten_ratio", "the same against the 2 workers of its round", seen["ten_ratio"], "", at_least=1)
    bench.report("together_ratio", "the same while all are at work that have begun: some wait with their start while the processors are busy", seen["together_ratio"], "")
    bench.report("two_stand", "as drain, but the workers are there before: their queue is resumed", seen["two_stand"], "rows/s")
    bench.report("ten_stand", "the same with 10 workers", seen["ten_stand"], "rows/s")
    bench.report("stand_ratio", "the same against the 2 workers of its round", seen["stand_ratio"], "", at_least=1)
    bench.report("crowd", f"{rows:,} noop in one wave, batch_size 200, 10 workers of 10 runners", seen["crowd"], "rows/s")
    bench.report("crowd_ratio", "the same against the 2 workers of its round", seen["crowd_ratio"], "")
    for key, what, unit in (("commits", "commits of PostgreSQL", "/job"), ("wal", "WAL of PostgreSQL", "bytes/job"),
                            ("redis_commands", "commands of Redis, those of scripts included", "/job"),
                            ("worker_cpu", "CPU of workers and runners", "µs/job"),
                            ("redis_cpu", "CPU of Redis", "µs/job"), ("postgres_cpu", "CPU of PostgreSQL", "µs/job")):
        bench.report("drain_" + key, f"20 waves: {what}", costs[key], unit)


def flush(bench):
    """The same where a flush of the disk takes as long as it does on most machines: each on servers of its own."""
    rows = bench.size(100_000, 2_000)
    for ms in SLOW_FLUSHES_MS:
        seen = {}
        for _ in bench.rounds(most=1):
            slow = copy.copy(bench)
            slow.ground = Ground(bench.ground.left_s(), flush_us=1000 * ms)
            try:
                in_turn(slow, rows, seen)
            finally:
                slow.ground.close()
        name, where = f"flush{ms}_", f"a flush takes {ms} ms longer"
        bench.report(f"{name}limit", f"{where}: pgbench, 2 clients, 50 results a statement, {rows:,} rows", seen["limit"], "rows/s")
        bench.report(f"{name}drain", f"{where}: {rows:,} noop in 20 waves, 2 workers", seen["drain"], "rows/s")
        bench.report(f"{name}drain_ratio", "the same against the limit of its round", seen["ratio"], "", at_least=0.5)
        bench.report(f"{name}single", f"{where}: in one wave, batch_size 200", seen["single"], "rows/s")
        bench.report(f"{name}ten", f"{where}: in 20 waves, 10 workers", seen["ten"], "rows/s")


def backlog(bench):
    """Whether a job costs more where ten times as many wait."""
    rows = bench.size(1_000_000, 4_000)
    seen = {"deep": [], "ratio": []}
    for _ in bench.rounds(most=1):
        few = [drain(bench, "few", 20, rows // 200, batch_size=10_000)[0] for _ in range(FEW_DRAINS)]
        deep, _ = drain(bench, "deep", 20, rows // 20, batch_size=10_000)
        seen["deep"].append(deep)
        seen["ratio"].append(deep / statistics.median(few))
    bench.report("deep", f"{rows:,} noop in 20 waves, 2 workers of 10 runners", seen["deep"], "rows/s")
    bench.report("deep_ratio", f"the same against {rows // 10:,}, the median of {FEW_DRAINS} in its round", seen["ratio"], "", at_least=0.9)


def beside(bench):
    """A small wave beside a large one whose window is wider than the fleet: they take turns."""
    large, small = bench.size(10_000, 400), bench.size(60, 6)
    begun, ended = [], []
    for _ in bench.rounds():
        with bench.ground.fleet("beside", 2, 8) as fleet:
            post_wave(fleet, large, batch_size=10_000, params={"sleep_ms": 100})
            wait_until(lambda: fleet.sql.value("SELECT count(*) FROM migrations WHERE state = 'completed'"), 20, "the large one's first")
            post_wave(fleet, small, batch_size=10_000, params={"sleep_ms": 100})
            wait_until(lambda: fleet.sql.value("SELECT completed_at FROM waves WHERE wave_no = 2"), 60, "the small one's end")
            times = fleet.sql.row("""SELECT extract(epoch FROM min(m.started_at) - w.created_at)::float AS begun,
                extract(epoch FROM w.completed_at - w.created_at)::float AS ended
                FROM waves w JOIN migrations m USING (wave_no) WHERE w.wave_no = 2 GROUP BY w.wave_no""")
            begun.append(times["begun"])
            ended.append(times["ended"])
    what = f"{small} projects of 100 ms beside {large:,} on 16 runners:"
    bench.report("beside_begun", f"{what} begins within", begun, "s", at_most=2)
    bench.report("beside_ended", f"{what} ends within", ended, "s", at_most=15)


MEASURES = {"drain": drains, "flush": flush, "backlog": backlog, "beside": beside}
