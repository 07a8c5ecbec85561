"""What a worker has when it starts: one that is too many for the processors of its host waits while these are busy, and the
connection for log lines comes with the first of them."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from wavefleet import wait_until

FIRST = 2       # on one processor


@contextmanager
def on_one_processor():
    """What is started meanwhile may use no other, so that two workers are enough for it."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usual)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


@contextmanager
def busy_processors():
    spin = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"
    spinners = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count())]
    try:
        time.sleep(0.3)     # they are at it
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def waited_ms(worker):
    lines = (json.loads(line) for line in worker.text().splitlines() if '"worker.waited"' in line)
    return next((line["ms"] for line in lines), 0)


@pytest.fixture
def fleet(make_fleet):
    with on_one_processor():
        return make_fleet(workers=FIRST, concurrency=2, watched=False)


@pytest.mark.parametrize("most_ms", [600, 0])
def test_one_too_many_waits_so_long_at_most(fleet, most_ms):
    with busy_processors(), on_one_processor():
        late = fleet.start_worker(2, WAVEFLEET_WORKER_START_WAIT_MS=most_ms)
        other = fleet.start_worker(2, WAVEFLEET_WORKER_QUEUES="other")
    assert waited_ms(late) == most_ms
    assert waited_ms(other) == 0
    assert [waited_ms(worker) for worker in fleet.workers[:FIRST]] == [0] * FIRST
    wave = fleet.submit("served by all", ["a", "b", "c"], params={"sleep_ms": 20})
    fleet.wait_wave(wave, 30)


def test_it_begins_when_they_have_time(fleet):
    with busy_processors(), on_one_processor():
        late = fleet.start_worker(2, ready=False, WAVEFLEET_WORKER_START_WAIT_MS=20_000)
        wait_until(lambda: "worker.starts" in late.text(), 20, "its first line")
        time.sleep(0.5)
        assert "worker.registered" not in late.text()
    fleet.wait_worker(late, 60)         # if others keep them busy, at the latest after its 20 s
    assert waited_ms(late) >= 200       # it counts what it sleeps, and is late at times


def test_who_waits_can_be_ended(fleet):
    with busy_processors(), on_one_processor():
        late = fleet.start_worker(2, ready=False, WAVEFLEET_WORKER_START_WAIT_MS=600_000)
        wait_until(lambda: "worker.starts" in late.text(), 20, "its first line")
        late.process.terminate()
        late.process.wait(10)
    fleet.forget(late)
    assert fleet.sql.value("SELECT count(*) FROM workers") == FIRST


def test_who_comes_for_one_that_is_gone_does_not_wait(fleet):
    gone = fleet.workers[0]
    gone.kill()
    fleet.forget(gone)
    with busy_processors(), on_one_processor():
        assert waited_ms(fleet.start_worker(2)) == 0


def sessions(fleet, name):
    return fleet.sql.value("""SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = %s""", f"wavefleet-worker {name}")


def test_the_connection_for_lines_comes_with_the_first(make_fleet):
    fleet = make_fleet(workers=2, watched=False)
    wait_until(lambda: sessions(fleet, "stream") == 1, 20, "the leader's, for its upkeep")
    fleet.wait_wave(fleet.submit("without", ["a", "b", "c"]), 30)
    assert {name: sessions(fleet, name) for name in ("settle", "lease", "look", "stream")} == {
        "settle": 2, "lease": 2, "look": 2, "stream": 1}
    talks = fleet.submit("talks", [f"p{n}" for n in range(40)], batch_size=8, params={"log_lines": 3, "sleep_ms": 50})
    fleet.wait_wave(talks, 30)
    assert sessions(fleet, "stream") == 2
    assert fleet.sql.value("SELECT count(*) FROM migration_logs") == 40 * 3
