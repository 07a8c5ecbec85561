"""Many workers on one narrow window of brief bodies: those that hold few of it rest (common/engine/rest.h). Other waves
do not wait for them, and they take over from one that is gone."""

import pytest

from failing import names, wait_done
from wavefleet import sanitized, wait_until

def busiest(fleet):
    """The worker that holds the most; None where nobody holds any at this moment."""
    worker = fleet.sql.value("SELECT worker_id FROM active GROUP BY worker_id ORDER BY count(*) DESC LIMIT 1")
    return next((w for w in fleet.workers if w.alive and fleet.worker_id(w) == worker), None)


@pytest.mark.parametrize("window,total", [(20, 16_000), (200, 48_000)])
def test_who_rests_takes_other_waves_and_over_from_one_that_is_killed(make_fleet, window, total):
    total = total // 4 if sanitized() else total
    fleet = make_fleet(workers=6, concurrency=4, watched=False)
    narrow = fleet.submit("narrow", names(total), batch_size=window)
    wait_done(fleet, narrow, total // 20)  # by then brief bodies are known as such
    other = fleet.submit("other", names(40), batch_size=40, params={"sleep_ms": 20})
    fleet.wait_wave(other, 60)
    victim = wait_until(lambda: busiest(fleet), 20, "somebody to be at work")
    victim.kill()
    fleet.forget(victim)
    fleet.wait_wave(narrow, 120)
    assert fleet.check_wave(narrow, "completed")["completed"] == total
    assert fleet.check_wave(other, "completed")["completed"] == 40
