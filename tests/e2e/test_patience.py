"""Outcomes of short bodies wait for one another while their runner has enough behind its job (patience_ms in
common/engine/exchange.c)."""

from failing import names

BODIES = 400


def projects(sleep_ms):
    return [{"project": name, "params": {"sleep_ms": sleep_ms}} for name in names(BODIES)]


def settlements(fleet, wave):
    """How many transactions have completed its migrations."""
    return fleet.sql.value("""SELECT count(DISTINCT m.xmin::text) FROM migrations m JOIN waves w USING (wave_no)
        WHERE w.wave_id = %s AND m.state = 'completed'""", wave)


def run(fleet, name, sleep_ms, batch_size):
    wave = fleet.submit(name, projects(sleep_ms), batch_size=batch_size)
    fleet.wait_wave(wave, 60)
    assert fleet.check_wave(wave, "completed")["completed"] == BODIES
    return settlements(fleet, wave)


def test_short_bodies_are_settled_together(make_fleet):
    """One runner says one thing after the other, each two milliseconds after the last."""
    fleet = make_fleet(workers=1, concurrency=1)
    run(fleet, "how long they take", 2, 10000)
    assert run(fleet, "together", 2, 10000) < BODIES * 0.7


def test_not_where_a_window_waits_for_them(make_fleet):
    """The next one is let out by the settlement of the last."""
    fleet = make_fleet(workers=1, concurrency=1)
    assert run(fleet, "one after the other", 2, 1) == BODIES
