"""What a job costs where it comes alone, not with dozens: the CPU of Redis and of the worker, without its runners. Handing a
body to a runner is held against hand_over.c, which does nothing else."""

import contextlib
import time
from pathlib import Path

from drains import drained
from ground import HERE, ran
from work import RESULT, post_wave

JOB_BYTES, OUTCOME_BYTES = 226, 77      # as seen by strace
# name, what, jobs, workers, runners, milliseconds of a body, batch_size, target
CASES = (
    ("alone_chain", "one after the other: a window of one", 600, 1, 10, 0, 1, None),
    ("alone_stream", "one runner, bodies of 1 ms", 3000, 1, 1, 1, 10_000, 45),
    ("alone_many", "20 runners of 2 workers, bodies of 3 ms", 8000, 2, 10, 3, 10_000, 45),
    ("alone_long", "20 runners of 2 workers, bodies of 30 ms", 2500, 2, 10, 30, 10_000, None),
)


def on_cpu_us(pid):
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000
    return 0


def costs(bench, jobs, workers, runners, sleep_ms, batch_size):
    """Microseconds of CPU for each job: of Redis, of the workers, of their runners."""
    fields = {"params": {"sleep_ms": sleep_ms, "result": RESULT}, "batch_size": batch_size}
    with bench.ground.fleet("alone", workers, runners) as fleet:
        post_wave(fleet, 100, **fields)     # from now on everybody knows how long they take
        drained(fleet, 100, 60)
        time.sleep(0.3)
        redis, them = [bench.ground.stack.pid("redis")], [w.pid for w in fleet.workers]
        sides = redis, them, [pid for w in fleet.workers for pid in w.children()]
        before = [sum(map(on_cpu_us, side)) for side in sides]
        post_wave(fleet, jobs, **fields)
        drained(fleet, jobs + 100, 60)
        return [(sum(map(on_cpu_us, side)) - was) / jobs for side, was in zip(sides, before)]


def alone(bench):
    program = f"{bench.ground.stack.dir}/hand_over"
    ran("cc", "-O2", "-D_GNU_SOURCE", "-o", program, HERE / "hand_over.c")
    seen, handing = {}, []
    for _ in bench.rounds():
        rounds = bench.size(2000, 100)
        handing.append(float(ran(program, rounds, 1000, JOB_BYTES, OUTCOME_BYTES).split()[0]))
        for name, _, jobs, workers, runners, sleep_ms, batch_size, _ in CASES:
            redis, worker, of_runners = costs(bench, bench.size(jobs, 100), workers, runners, sleep_ms, batch_size)
            for part, value in (("redis", redis), ("worker", worker), ("runners", of_runners),
                                ("both", redis + max(worker - handing[-1], 0))):
                seen.setdefault((name, part), []).append(value)
    bench.report("hand_over", "handing a body of 1 ms to a process and hearing its outcome, at least", handing, "µs CPU")
    for name, what, *_, target in CASES:
        bench.report(f"{name}_redis", f"{what}: Redis", seen[name, "redis"], "µs CPU/job")
        bench.report(f"{name}_worker", f"{what}: worker", seen[name, "worker"], "µs CPU/job")
        bench.report(f"{name}_runners", f"{what}: runners", seen[name, "runners"], "µs CPU/job")
        bench.report(f"{name}_both", f"{what}: Redis and worker, without handing over", seen[name, "both"], "µs CPU/job",
                     **({"at_most": target} if target else {}))


MEASURES = {"alone": alone}
