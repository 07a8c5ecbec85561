"""What follows brief bodies in a narrow window is claimed while they run: one transaction claims in their slots, which it
promises to free, and settles them at its end (slots_promise.sql). Nobody sees the one without the other, and a promise
that is not kept is an error, with which nothing of it is done."""

import time

import psycopg2
import psycopg2.errors
import pytest

from failing import names
from test_claim_passed import Place
from wavefleet import sanitized, wait_until


@pytest.fixture
def place(make_fleet):
    place = Place(make_fleet(watched=False).place.database_url)
    yield place
    place.close()


def promised(session, ids, slots):
    session.run("slots_promise", session.wave_no, slots)
    return session.claim(ids)


def states(place, ids):
    return [state for _, state in place.do(f"SELECT id, state FROM migrations WHERE id = ANY (ARRAY{ids}) ORDER BY id")]


def test_claims_come_first_and_nobody_sees_them_alone(place):
    assert promised(place.a, place.ids[4:6], 2) == place.ids[4:6]
    assert place.running() == 4
    assert states(place, place.ids[4:6]) == ["pending"] * 2
    place.a.complete(place.ids[:2], told=False, promised=2)
    assert place.running() == 4
    place.a.commit()
    assert place.running() == 4
    assert states(place, place.ids[:6]) == ["completed"] * 2 + ["running"] * 4


def test_two_who_promise_do_not_wait_for_one_another(place):
    assert promised(place.a, place.ids[4:6], 2) == place.ids[4:6]
    assert promised(place.b, place.ids[6:8], 2) == place.ids[6:8]
    place.b.complete(place.ids[2:4], told=False, promised=2)
    place.b.commit()
    place.a.complete(place.ids[:2], told=False, promised=2)
    place.a.commit()
    assert place.running() == 4


def undone(place, settle):
    before = place.do("SELECT id, state, attempt FROM migrations ORDER BY id")
    assert promised(place.a, place.ids[4:6], 2) == place.ids[4:6]
    with pytest.raises(psycopg2.Error, match="of 2 promised slots are free") as refusal:
        settle()
    assert refusal.value.pgcode == "WF503"
    place.a.roll_back()
    place.do("SELECT 1")
    assert place.do("SELECT id, state, attempt FROM migrations ORDER BY id") == before
    return place.running()


def test_fewer_than_were_promised_are_an_error(place):
    assert undone(place, lambda: place.a.complete(place.ids[:1], told=False, promised=2)) == 4


@pytest.mark.parametrize("refused", [1, 2])
def test_so_are_outcomes_that_are_refused(place, refused):
    """Somebody has ended their attempts meanwhile; all of them, even: then no row is settled."""
    place.do(f"UPDATE migrations SET attempt = 2 WHERE id = ANY (ARRAY{place.ids[:refused]})")
    undone(place, lambda: place.a.complete(place.ids[:2], told=False, promised=2))


def test_more_than_are_promised_are_guarded(place):
    place.do("UPDATE waves SET batch_size = 5")
    assert promised(place.a, place.ids[4:7], 2) == place.ids[4:7]        # the fifth slot was free
    place.b.complete(place.ids[2:4])
    assert place.b.claim(place.ids[8:10]) == place.ids[8:10]             # it settles as many: waits for nobody
    place.b.roll_back()
    place.b.complete(place.ids[2:4])
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        place.b.claim(place.ids[8:11])
    place.b.roll_back()
    place.a.complete(place.ids[:2], told=False, promised=2)
    place.a.commit()
    assert place.running() == 5


def test_and_find_no_room_in_a_full_window(place):
    assert promised(place.a, place.ids[4:7], 2) == []
    place.a.roll_back()
    place.do("UPDATE waves SET batch_size = 3")
    assert promised(place.a, place.ids[4:6], 2) == []                    # it became smaller
    assert promised(place.a, place.ids[4:5], 2) == place.ids[4:5]
    place.a.complete(place.ids[:2], told=False, promised=2)
    place.a.commit()
    assert place.running() == 3


def test_acts_wait_for_it_and_are_seen(place):
    place.a.run("slots_promise", place.wave_no, 2)
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        place.b.c.execute("SELECT FROM waves FOR UPDATE")
    place.b.roll_back()
    place.a.roll_back()
    place.do("UPDATE waves SET state = 'paused'")
    assert promised(place.a, place.ids[4:6], 2) == []
    place.a.roll_back()


def test_a_promise_ends_with_its_transaction(place):
    assert promised(place.a, place.ids[4:6], 2) == place.ids[4:6]
    place.a.complete(place.ids[:2], told=False, promised=2)
    place.a.commit()
    place.a.run("settle_lock", [], [place.wave_no])
    assert place.a.claim(place.ids[6:8]) == []
    place.a.roll_back()


@pytest.mark.parametrize("which", ["some take longer", "some fail"])
def test_bodies_that_break_promises(make_fleet, which):
    """Their wave is of brief ones all the same: promises are made, and broken, and nothing is lost or run twice."""
    fleet = make_fleet(workers=2, concurrency=4)
    total = 3000 if sanitized() else 10_000
    breaks = {"sleep_ms": 30} if which == "some take longer" else {"fail": {"times": 1}}
    projects = [{"project": name, "params": breaks if n % 400 == 200 else {}} for n, name in enumerate(names(total))]
    wave = fleet.submit("breaks", projects, batch_size=80, max_attempts=3)
    most = 0
    while not fleet.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave):
        most = max(most, fleet.sql.value("SELECT count(*) FROM migrations WHERE state IN ('running', 'parked')"))
    assert 0 < most <= 80
    assert fleet.check_wave(wave, "completed")["completed"] == total
    attempts = {r["attempt"]: r["n"] for r in fleet.sql.rows("SELECT attempt, count(*) AS n FROM attempts GROUP BY attempt")}
    again = 0 if which == "some take longer" else sum(bool(p["params"]) for p in projects)
    assert attempts == ({1: total, 2: again} if again else {1: total})
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM claims") == 0, 20, "no claim is left behind")


def test_ids_that_come_again_break_promises(make_fleet):
    """Where what follows is promised before it is claimed: fewer are claimed than were asked for."""
    fleet = make_fleet(workers=2, concurrency=4)
    total = 20_000 if sanitized() else 60_000
    wave = fleet.submit("again", names(total), batch_size=80)
    backlog = f"wavefleet:wave:{fleet.sql.value('SELECT wave_no FROM waves WHERE wave_id = %s', wave)}:backlog"
    again = set()
    while not fleet.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave):
        # those whose first delivery is over: what stands twice in a list is found much later
        done = fleet.sql.rows("""SELECT id FROM migrations WHERE state = 'completed' AND finished_at < now() - interval '0.1 s'
            AND id <> ALL (%s) ORDER BY random() LIMIT 3""", list(again))
        if done and fleet.redis.exists(backlog):
            again |= {row["id"] for row in done}
            fleet.redis.lpush(backlog, *(row["id"] for row in done))
        time.sleep(0.03)
    assert len(again) > 10
    assert fleet.check_wave(wave, "completed", clean_within_s=45)["completed"] == total
    assert fleet.sql.value("SELECT count(*) FROM attempts") == total


def test_a_wave_whose_parts_wait_for_one_another_keeps_no_promises_ahead(make_fleet):
    """What lets others go is told before its slots are given away."""
    fleet = make_fleet(workers=2, concurrency=4)
    total = 3000 if sanitized() else 8000
    projects = [{"project": name, **({"depends_on": [f"p{n - 50:04d}"]} if n % 100 == 99 else {})}
                for n, name in enumerate(names(total))]
    wave = fleet.submit("in order", projects, batch_size=80)
    fleet.wait_wave(wave, 60)
    assert fleet.check_wave(wave, "completed")["completed"] == total
    assert fleet.sql.value("""SELECT count(*) FROM dependencies d JOIN migrations a ON a.id = d.migration_id
        JOIN migrations b ON b.id = d.on_id WHERE a.first_started_at < b.finished_at""") == 0


def test_acts_come_through(make_fleet):
    """One promise follows upon another without a pause: whoever wants the wave gets it all the same."""
    fleet = make_fleet(workers=2, concurrency=4)
    total = 6000 if sanitized() else 40_000
    wave = fleet.submit("acts", names(total), batch_size=80)
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM attempts") > 200, 20, "it runs")
    acts = 0
    while acts < 10 and fleet.sql.value("SELECT state FROM waves WHERE wave_id = %s", wave) == "running":
        assert fleet.http.post(f"/api/waves/{wave}/pause", timeout_s=10).status in (200, 409)
        if fleet.sql.value("SELECT state FROM waves WHERE wave_id = %s", wave) != "paused":
            break
        acts += 1
        running = "SELECT count(*) FROM migrations WHERE state = 'running'"
        wait_until(lambda: fleet.sql.value(running) == 0, 10, "its bodies end")
        before = fleet.sql.value("SELECT count(*) FROM attempts")
        assert fleet.sql.value(running) == 0 and fleet.sql.value("SELECT count(*) FROM attempts") == before
        assert fleet.http.post(f"/api/waves/{wave}/resume", timeout_s=10).status == 200
    assert acts >= 2
    fleet.wait_wave(wave, 60)
    assert fleet.check_wave(wave, "completed")["completed"] == total
