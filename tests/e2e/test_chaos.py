"""Everything at once, from a seed that WAVEFLEET_CHAOS_SEEDS can name: workers killed and stopped past their
lease, connections to PostgreSQL broken, Redis flushed, while eight waves run. Every wave completes, and
every project is settled once."""

import os
import random
import signal
import time

import pytest

from wavefleet import wait_until

SEEDS = [int(s) for s in os.environ.get("WAVEFLEET_CHAOS_SEEDS", "1").split(",")]
SECONDS = 15


def break_something(fleet, rng):
    what = rng.choice(["kill", "flush", "stop", "break"])
    if what == "kill":
        worker = rng.choice(fleet.workers)
        worker.kill()
        fleet.forget(worker)
        fleet.start_worker(4, ready=False)
    elif what == "flush":
        fleet.redis.flushall()
    elif what == "stop":
        worker = rng.choice(fleet.workers)
        worker.signal(signal.SIGSTOP)
        time.sleep(rng.choice([0.2, 3.0]))
        worker.signal(signal.SIGCONT)
    else:
        fleet.sql.rows("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name LIKE 'wavefleet%' AND datname = current_database() AND random() < 0.5""")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_wave_completes_whatever_breaks(make_own_fleet, seed):
    rng = random.Random(seed)
    fleet = make_own_fleet(workers=3, concurrency=4, env={
        "WAVEFLEET_WORKER_LEASE_MS": "2000", "WAVEFLEET_RECONCILER_INTERVAL_MS": "1000",
        "WAVEFLEET_RETRY_CRASH_BUDGET": "50", "WAVEFLEET_RETRY_BASE_MS": "50"})
    waves = [fleet.submit(f"chaos {i}", [f"p{n}" for n in range(120)], batch_size=rng.choice([1, 3, 10]),
                          params={"sleep_ms": rng.choice([5, 20, 60])}) for i in range(8)]
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(rng.uniform(0.3, 1.2))
        break_something(fleet, rng)
    for worker in fleet.workers:
        fleet.wait_worker(worker)       # one that has only just begun has no handler for SIGTERM yet
    for wave in waves:
        assert fleet.wait_wave(wave, 60) == "completed"
        fleet.check_wave(wave, "completed", clean_within_s=20)


def test_keys_of_a_wave_that_ended_in_an_older_postgres_go(make_own_fleet):
    """Redis knows a newer version of the wave than PostgreSQL, which was put back and has ended it since."""
    fleet = make_own_fleet(workers=1)
    wave = fleet.wave_and_wait("put back", ["a", "b", "c"])
    fleet.check_wave(wave, "completed")
    number = fleet.sql.value("SELECT wave_no FROM waves WHERE wave_id = %s", wave)
    key = f"wavefleet:wave:{number}"
    fleet.redis.sadd(f"{key}:window", 1)
    fleet.redis.hset(key, mapping={"version": 99, "paused": 1, "batch_size": 3, "queue": "default", "priority": 0})
    wait_until(lambda: not fleet.redis.exists(key, f"{key}:window"), 15, "the reconciler to close it")
    fleet.check_wave(wave, "completed")
