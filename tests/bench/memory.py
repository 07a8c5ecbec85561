"""Memory of workers that have nothing to do."""

import time

from ground import memory_kb
from work import RESULT, names


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


MEASURES = {"memory": memory}
