"""Log lines of running bodies, and what they cost the settlement of other jobs.

Each of two workers has half of the talkers (programs of the kind `command`) and as many runners left for
other jobs. These run while the talkers are silent and while they talk, in turn.
"""

from pathlib import Path

from ground import Costs
from wavefleet import wait_until

TALKER = str(Path(__file__).resolve().parent / "talker")
WORKERS, TALKERS_EACH = 2, 5
TALKERS = WORKERS * TALKERS_EACH
PER_S = 100_000
ASKED_PER_S = 110_000       # of all together: more than the target, since programs need time to start
STEADY_MS, BUSY_MS = 20, 0  # how long another job sleeps: a stream that leaves the machine room, and one that does not


def start_talkers(fleet, each_per_s, seconds):
    """One wave for each worker. Returns the numbers of the waves once every talker runs."""
    ids = [fleet.submit("talkers", [f"site-{i}-{k}" for k in range(TALKERS_EACH)], "command",
                        queue=f"talkers{i}", batch_size=TALKERS_EACH,
                        params={"argv": [TALKER, "{project}", str(each_per_s), str(seconds)]})
           for i in range(WORKERS)]
    numbers = [fleet.sql.value("SELECT wave_no FROM waves WHERE wave_id = %s", i) for i in ids]
    wait_until(lambda: TALKERS == fleet.sql.value(
        "SELECT count(*) FROM active WHERE wave_no = ANY(%s)", numbers), 10, "every talker running")
    return numbers


def told(fleet, numbers, expected, seconds):
    """When all that they said was there (a settlement comes behind its lines), and how long it took."""
    wait_until(lambda: not fleet.sql.value("SELECT count(*) FROM waves WHERE wave_no = ANY(%s) AND completed_at IS NULL",
                                           numbers), seconds + 60, "the end of the talkers")
    seen = fleet.sql.row("""SELECT max(finished_at) AS ended,
        extract(epoch FROM max(finished_at) - min(started_at))::float AS took
        FROM migrations WHERE wave_no = ANY(%s)""", numbers)
    kept = fleet.sql.value("""SELECT count(*) FROM migration_logs l JOIN migrations m ON m.id = l.migration_id
        WHERE m.wave_no = ANY(%s) AND l.stream = 'out' AND l.line LIKE 'site-%%'""", numbers)
    if kept != expected:
        raise RuntimeError(f"{expected} lines were printed, {kept} are there")
    return seen


def settled_per_s(fleet, wave_id, until):
    """From its first job on, and up to its last, should they not have lasted as long as the talkers."""
    row = fleet.sql.row("""SELECT count(*) AS settled,
            extract(epoch FROM least(max(w.completed_at), %s) - min(m.started_at))::float AS took
        FROM migrations m JOIN waves w USING (wave_no)
        WHERE w.wave_id = %s AND m.finished_at <= %s""", until, wave_id, until)
    if not row["settled"]:
        raise RuntimeError("no other job was settled before the talkers ended")
    return row["settled"] / row["took"]


def phase(bench, fleet, lines_per_s, sleep_ms):
    """Other jobs settled a second, lines a second, and CPU in cores, of all workers and of PostgreSQL."""
    seconds = bench.size(4, 2)
    jobs = bench.size(60_000 if sleep_ms == 0 else 4_000, 2_000 if sleep_ms == 0 else 500)
    bench.ground.checkpoint(fleet)
    costs = Costs(bench.ground, fleet)
    numbers = start_talkers(fleet, lines_per_s // TALKERS, seconds)
    others = fleet.submit("others", [f"job-{i}" for i in range(jobs)], batch_size=10_000, params={"sleep_ms": sleep_ms})
    seen = told(fleet, numbers, lines_per_s * seconds, seconds)
    found = costs.each(seen["took"] * 1e6)
    rate = settled_per_s(fleet, others, seen["ended"])
    fleet.http.post(f"/api/waves/{others}/stop", {})
    fleet.wait_wave(others)
    return rate, lines_per_s * seconds / seen["took"], found


def logs(bench):
    asked = bench.size(ASKED_PER_S, 2_000)
    lines, cores = [], {"worker_cpu": [], "postgres_cpu": []}
    ratios = {STEADY_MS: [], BUSY_MS: []}
    rates = {STEADY_MS: [], BUSY_MS: []}
    with bench.ground.fleet("logs") as fleet:
        fleet.env["WAVEFLEET_COMMAND_ALLOW"] = TALKER
        for i in range(WORKERS):
            fleet.start_worker(2 * TALKERS_EACH, WAVEFLEET_WORKER_QUEUES=f"talkers{i},default")
        for _ in bench.rounds():
            for sleep_ms, ratio in ratios.items():
                silent, _, _ = phase(bench, fleet, 0, sleep_ms)
                talking, per_s, found = phase(bench, fleet, asked, sleep_ms)
                ratio.append(talking / silent)
                rates[sleep_ms].append(silent)
                if sleep_ms == STEADY_MS:
                    lines.append(per_s)
                    for key, values in cores.items():
                        values.append(found[key])
    bench.report("log_lines", f"log lines of {TALKERS} programs into PostgreSQL", lines, "lines/s", at_least=PER_S)
    bench.report("log_steady", f"meanwhile: jobs of {STEADY_MS} ms on {TALKERS} other runners, against silence",
                 ratios[STEADY_MS], "", at_least=0.8)
    bench.report("log_steady_rate", "the same in silence", rates[STEADY_MS], "jobs/s")
    bench.report("log_busy", f"the same with noops, that leave no CPU idle", ratios[BUSY_MS], "")
    bench.report("log_busy_rate", "the same in silence", rates[BUSY_MS], "jobs/s")
    bench.report("log_worker_cpu", "CPU of workers, runners, programs and jobs meanwhile", cores["worker_cpu"], "cores")
    bench.report("log_postgres_cpu", "CPU of PostgreSQL meanwhile", cores["postgres_cpu"], "cores")


MEASURES = {"logs": logs}
