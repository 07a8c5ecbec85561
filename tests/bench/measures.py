"""What is measured. Each function of MEASURES takes a Bench (run) and reports its figures."""

import random
import time

from ground import Costs, memory_kb
from load import Connection, request_bytes, storm
from wavefleet import TOKEN, wait_until

RESULT = {"ok": True}
LONGEST_DRAIN_S = 60


def names(count):
    return [f"{i:08x}-aaaa-4bbb-8ccc-0123456789ab" for i in range(count)]


def post_wave(fleet, count, **fields):
    """Submits a wave of noops; returns the seconds until the answer."""
    body = {"name": "bench", "kind": "noop", "project_uuids": names(count), **fields}
    request = request_bytes("POST", "/api/waves", TOKEN, body)
    connection = Connection(fleet.port)
    begun = time.perf_counter()
    status, answer, _ = connection.ask(request)
    took = time.perf_counter() - begun
    connection.close()
    if status != 201:
        raise RuntimeError(f"the wave was refused: {answer[:300]!r}")
    return took


# ---- drains, held against the limit ----

def drained(fleet, total, deadline_s):
    """Rows a second from the first claim to the last settlement, by the clock of PostgreSQL. What has
    not ended by the deadline does not count; what has is proved to be settled once."""
    end = time.monotonic() + deadline_s
    while fleet.sql.value("SELECT count(*) FROM waves WHERE completed_at IS NULL") and time.monotonic() < end:
        time.sleep(0.05)
    s = fleet.sql.row("""SELECT count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE state = 'completed' AND attempt <> 1) AS again,
        extract(epoch FROM max(finished_at) - min(started_at))::float AS took,
        (SELECT count(*) FROM attempts WHERE outcome = 'completed') AS attempts,
        (SELECT sum(completed) FROM wave_progress) AS progress FROM migrations""")
    if time.monotonic() < end and not s["completed"] == s["attempts"] == s["progress"] == total:
        raise RuntimeError(f"not every migration was settled once: {s}")
    if not s["took"]:
        raise RuntimeError(f"nothing was drained in {deadline_s:.0f} s: {s}")
    return s["completed"], s["completed"] / s["took"], s["again"]


def drain(bench, name, waves, each, workers=2, **fields):
    """One drain: everything is in the backlog before the first worker starts. Returns rows a second."""
    total = waves * each
    with bench.ground.fleet(name) as fleet:
        for _ in range(waves):
            post_wave(fleet, each, params={"result": RESULT}, **fields)
        bench.ground.checkpoint(fleet)
        costs = Costs(bench.ground, fleet)
        fleet.start_workers(workers, 10)
        done, rate, again = drained(fleet, total, min(LONGEST_DRAIN_S, max(bench.ground.left_s(), 5)))
        found = costs.each(done)
    if done < total:
        bench.say(f"{name}: only {done} of {total} in {LONGEST_DRAIN_S} s")
    if again:
        bench.say(f"{name}: {again} needed a second attempt")
    return rate, found


def drains(bench):
    """The limit, twenty waves, and one wave with a window, in turn, so that all meet the same weather."""
    rows = bench.size(100_000, 2_000)
    seen = {"limit": [], "drain": [], "single": [], "ratio": [], "single_ratio": []}
    costs = {}
    for _ in bench.rounds():
        seen["limit"].append(bench.ground.limit(rows, 20))
        rate, found = drain(bench, "drain", 20, rows // 20, batch_size=10_000)
        single, _ = drain(bench, "single", 1, rows, batch_size=200)
        seen["drain"].append(rate)
        seen["single"].append(single)
        seen["ratio"].append(rate / seen["limit"][-1])
        seen["single_ratio"].append(single / rate)
        for key, value in found.items():
            costs.setdefault(key, []).append(value)
    bench.report("limit", f"pgbench, 2 clients, 50 results a statement, {rows:,} rows", seen["limit"], "rows/s")
    bench.report("drain", f"{rows:,} noop in 20 waves, 2 workers of 10 runners", seen["drain"], "rows/s")
    bench.report("drain_ratio", "the same against the limit of its round", seen["ratio"], "", at_least=0.5)
    bench.report("single", f"{rows:,} noop in one wave, batch_size 200", seen["single"], "rows/s")
    bench.report("single_ratio", "the same against the 20 waves of its round", seen["single_ratio"], "", at_least=0.8)
    for key, what, unit in (("commits", "commits of PostgreSQL", "/job"), ("wal", "WAL of PostgreSQL", "bytes/job"),
                            ("redis_commands", "commands of Redis, those of scripts included", "/job"),
                            ("worker_cpu", "CPU of workers and runners", "µs/job"),
                            ("redis_cpu", "CPU of Redis", "µs/job"), ("postgres_cpu", "CPU of PostgreSQL", "µs/job")):
        bench.report("drain_" + key, f"20 waves: {what}", costs[key], unit)


# ---- memory ----

def idle_memory(bench, workers, concurrency):
    """After a thousand jobs and a second of rest: PSS of all in MiB, the largest private KiB of a runner."""
    with bench.ground.fleet("memory", workers, concurrency) as fleet:
        fleet.wave_and_wait("jobs", names(bench.size(1000, 200)), batch_size=1000, params={"result": RESULT}, deadline_s=60)
        time.sleep(bench.size(1, 0.1))
        runners = [pid for w in fleet.workers for pid in w.children()]
        if len(runners) != workers * concurrency:
            raise RuntimeError(f"{len(runners)} runners, expected {workers * concurrency}")
        whole = sum(memory_kb(pid)[0] for pid in [w.pid for w in fleet.workers] + runners)
        return whole / 1024, max(memory_kb(pid)[1] for pid in runners)


def memory(bench):
    one, two, runner = [], [], []
    for _ in bench.rounds():
        whole, private = idle_memory(bench, 1, 32)
        one.append(whole)
        runner.append(private)
        two.append(idle_memory(bench, 2, 10)[0])
    bench.report("runner_private", "private memory of the largest idle runner of 32", runner, "KiB", at_most=400)
    bench.report("worker_32_pss", "PSS of a worker with 32 runners, idle after 1,000 jobs", one, "MiB", at_most=20)
    bench.report("workers_2x10_pss", "PSS of 2 workers with 10 runners each, likewise", two, "MiB", at_most=20)


# ---- latency on an idle system ----

def percentile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def answered_waves(fleet, count, body):
    """Waves of one project on an idle system: {wave_id: wall clock of the API's answer}."""
    connection = Connection(fleet.port)
    found = {}
    for _ in range(count):
        time.sleep(random.uniform(0.015, 0.03))
        status, answer, at = connection.ask(request_bytes("POST", "/api/waves", TOKEN, body))
        if status != 201:
            raise RuntimeError(f"the wave was refused: {answer[:300]!r}")
        found[answer.split(b'"wave_id":"', 1)[1].split(b'"', 1)[0].decode()] = at
    connection.close()
    wait_until(lambda: not fleet.sql.value("SELECT count(*) FROM waves WHERE completed_at IS NULL"), 20, "the end of all")
    return found


def since_answer(fleet, answered, expression):
    rows = fleet.sql.rows(f"""SELECT w.wave_id, {expression} AS at FROM migrations m JOIN waves w USING (wave_no)
        WHERE w.wave_id = ANY(%s) AND m.state = 'completed'""", list(answered))
    if len(rows) != len(answered):
        raise RuntimeError(f"{len(rows)} of {len(answered)} waves completed")
    return [(float(r["at"]) - answered[r["wave_id"]]) * 1000 for r in rows]


def latency(bench):
    """From the answer to POST /api/waves: to the claim's BEGIN, to the settlement's BEGIN (between the two
    the body of a noop ran), and to the moment at which a program of the command kind looked at the clock."""
    count = bench.size(200, 10)
    noop = {"name": "latency", "kind": "noop", "project_uuids": ["one"]}
    date = {**noop, "kind": "command", "params": {"argv": ["/bin/date", '+{{"at": "%s.%N"}']}}
    found = {"claim": [], "settle": [], "program": []}
    for _ in bench.rounds():
        with bench.ground.fleet("latency") as fleet:
            fleet.env["WAVEFLEET_COMMAND_ALLOW"] = "/bin/date"
            fleet.start_workers(2, 10)
            answered_waves(fleet, 5, noop)
            answered = answered_waves(fleet, count, noop)
            found["claim"].append(since_answer(fleet, answered, "extract(epoch FROM m.started_at)"))
            found["settle"].append(since_answer(fleet, answered, "extract(epoch FROM m.finished_at)"))
            answered = answered_waves(fleet, count, date)
            found["program"].append(since_answer(fleet, answered, "m.result->>'at'"))
    for key, what in (("claim", "to its claim"), ("settle", "to its settlement, the body of a noop done"),
                      ("program", "to the first line of a command's program")):
        for part, most in ((0.5, 1), (0.99, 10)):
            target = {"at_most": most} if key == "settle" else {}
            bench.report(f"{key}_p{part * 100:.0f}", f"from the API's answer {what}, p{part * 100:.0f}",
                         [percentile(times, part) for times in found[key]], "ms", **target)


# ---- submitting ----

def submit(bench):
    count = bench.size(100_000, 2_000)
    took, redis_bytes = [], []
    for _ in bench.rounds():
        with bench.ground.fleet("submit") as fleet:
            bench.ground.checkpoint(fleet)
            before = fleet.redis.info("memory")["used_memory"]
            took.append(post_wave(fleet, count, batch_size=10))
            wait_until(lambda: int(fleet.redis.get("wavefleet:depth:default") or 0) == count, 20, "all of it in Redis")
            redis_bytes.append((fleet.redis.info("memory")["used_memory"] - before) / count)
    bench.report("submit", f"POST /api/waves with {count:,} projects", took, "s", at_most=1.5)
    bench.report("redis_bytes", "Redis memory of a waiting job", redis_bytes, "bytes", at_most=12)


def waves(bench):
    """Fifty clients, each posting waves of one project; no worker takes them meanwhile."""
    rates, slow = [], []
    request = request_bytes("POST", "/api/waves", TOKEN, {"name": "small", "kind": "noop", "project_uuids": ["one"]})
    for _ in bench.rounds():
        with bench.ground.fleet("waves") as fleet:
            bench.ground.checkpoint(fleet)
            answered, took, times = storm(fleet.port, request, 50, bench.size(4, 0.3))
            kept = fleet.sql.value("SELECT count(*) FROM waves")
            if kept != answered:
                raise RuntimeError(f"{answered} waves were answered, {kept} are there")
            rates.append(answered / took)
            slow.append(percentile(times, 0.99))
    bench.report("waves", "POST /api/waves with 1 project, 50 clients", rates, "waves/s", at_least=5000)
    bench.report("waves_p99", "the same, p99 of the answer's time", slow, "ms", at_most=50)


MEASURES = {"memory": memory, "drain": drains, "latency": latency, "submit": submit, "waves": waves}
