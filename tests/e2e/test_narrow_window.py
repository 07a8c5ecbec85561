"""Many workers on one narrow window of brief bodies: those that hold few of it rest (common/engine/rest.h); on a wide one,
those that are too many for the processors stand back (common/engine/crowd.h). Other waves do not wait for them, and they
take over from those that are gone."""

import pytest

from failing import names, wait_done
from wavefleet import ENDED, sanitized, wait_until

def busiest(fleet):
    """The worker that holds the most; None where nobody holds any at this moment."""
    worker = fleet.sql.value("SELECT worker_id FROM under_way GROUP BY worker_id ORDER BY count(*) DESC LIMIT 1")
    return next((w for w in fleet.workers if w.alive and fleet.worker_id(w) == worker), None)


@pytest.mark.parametrize("window,total", [(20, 16_000), (200, 48_000)])
def test_who_rests_takes_other_waves_and_over_from_one_that_is_killed(make_fleet, window, total):
    total = total // 4 if sanitized() else total
    fleet = make_fleet(workers=6, concurrency=4, watched=False)
    victim, goes = None, 0
    while not victim and goes < 5:      # a machine that stands still may let a wave pass meanwhile
        goes += 1
        narrow = fleet.submit(f"narrow {goes}", names(total), batch_size=window)
        wait_done(fleet, narrow, total // 20)  # by then brief bodies are known as such
        other = fleet.submit(f"other {goes}", names(40), batch_size=40, params={"sleep_ms": 20})
        fleet.wait_wave(other, 60)
        victim = wait_until(lambda: busiest(fleet) or fleet.status(narrow)["status"] in ENDED, 20, "somebody at work")
        victim = victim if victim in fleet.workers else None
    assert victim, "each was over before somebody could be found at work"
    victim.kill()
    fleet.forget(victim)
    fleet.wait_wave(narrow, 120)
    assert fleet.check_wave(narrow, "completed")["completed"] == total
    assert fleet.check_wave(other, "completed")["completed"] == 40


def test_who_stands_back_takes_other_waves_and_over_from_those_that_are_killed(make_fleet):
    total = 10_000 if sanitized() else 40_000
    fleet = make_fleet(workers=6, concurrency=4, watched=False)
    waves = [fleet.submit(f"wide {n}", names(total // 4), batch_size=10_000) for n in range(4)]
    wait_done(fleet, waves[0], total // 40)
    other = fleet.submit("other", names(40), batch_size=40, params={"sleep_ms": 20})
    fleet.wait_wave(other, 60)
    for victim in sorted(fleet.workers, key=fleet.worker_id)[:2]:       # these came first, and do not stand back
        victim.kill()
        fleet.forget(victim)
    for wave in waves:
        fleet.wait_wave(wave, 120)
        assert fleet.check_wave(wave, "completed")["completed"] == total // 4
    assert fleet.check_wave(other, "completed")["completed"] == 40
