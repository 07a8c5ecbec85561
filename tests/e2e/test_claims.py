"""Many brief bodies that are claimed at once have one row of `claims`, and none of `active`; what of them lasts gets one
(common/engine/lasting.h). Whatever is asked for meanwhile, each is known to be under way, once."""

import re
import time

import pytest

from failing import completes, names
from wavefleet import ENDED, wait_until

QUICK, LONG = 300, 60_000
UNDER_WAY = """SELECT (SELECT count(*) FROM migrations WHERE state IN ('running', 'parked', 'retrying')) AS rows,
       (SELECT count(*) FROM under_way) AS under_way, (SELECT count(DISTINCT migration_id) FROM under_way) AS different,
       (SELECT count(*) FROM active) AS active"""
# of the long bodies, those that are held by a claim of many, and nothing else
HELD = """SELECT m.id, m.project FROM migrations m JOIN under_way u ON u.migration_id = m.id
    WHERE m.project LIKE 'long%%' AND NOT EXISTS (SELECT FROM active a WHERE a.migration_id = m.id) ORDER BY m.id"""


def wave_of(fleet, lasts_ms=LONG, more="{}"):
    """A wave of brief bodies; in their middle there are some that last."""
    projects = names(QUICK) + [f"long{i}" for i in range(8)] + [f"q{i:03d}" for i in range(100)]
    wave = fleet.submit("brief", projects, batch_size=len(projects))
    fleet.sql.execute("UPDATE migrations SET params = jsonb_build_object('sleep_ms', %s::int) || %s::jsonb WHERE project LIKE 'long%%'",
                      lasts_ms, more)
    return wave


def agrees(fleet):
    now = fleet.sql.row(UNDER_WAY)
    assert now["rows"] == now["under_way"] == now["different"], now
    return now


def held(fleet):
    """Long bodies that a claim of many holds; none where the machine stood still for a second."""
    def look():
        agrees(fleet)
        found = fleet.sql.rows(HELD)
        return found or fleet.sql.value("SELECT count(*) FROM active a JOIN migrations m ON m.id = a.migration_id WHERE m.project LIKE 'long%%'")
    found = wait_until(look, 20, "long bodies under way", every_s=0.002)
    return found if isinstance(found, list) else []


def held_for_sure(fleet, **wave):
    """A wave of which long bodies are held by a claim of many, and these; the worker is the last one of the fleet."""
    for _ in range(5):
        made = wave_of(fleet, **wave)
        found = held(fleet)
        if found:
            return made, found
        assert fleet.http.post(f"/api/waves/{made}/stop", {}).status == 200
        fleet.wait_wave(made)
    raise AssertionError("no claim of many has held a long body")


def was_lost(fleet, migration):
    """The next worker may have had it behind another long one, and given it back."""
    first, *between, last = [a["outcome"] for a in fleet.attempts(migration)]
    assert (first, last) == ("lost", "completed") and set(between) <= {"handed_back"}, (first, between, last)


@pytest.fixture
def fleet(make_own_fleet):
    return make_own_fleet(workers=1, concurrency=4)


def test_what_lasts_gets_a_row_of_its_own(fleet):
    wave, found = held_for_sure(fleet, lasts_ms=4000)
    first = found[0]["id"]
    noted = lambda: agrees(fleet) and fleet.sql.row("SELECT * FROM active WHERE migration_id = %s", first)
    row = wait_until(noted, 10, "a row of its own")
    worker = fleet.worker_id(fleet.workers[0])
    assert (row["state"], row["worker_id"], row["attempt"], row["cancel"]) == ("running", worker, 1, None)
    while fleet.status(wave)["status"] not in ENDED:
        agrees(fleet)
        time.sleep(0.01)
    completes(fleet, wave)
    claims = "SELECT count(*) FROM claims"
    wait_until(lambda: fleet.sql.value(claims) == 0, 10, "no claim is left behind")


def test_pages_and_figures_count_what_is_held(fleet):
    wave, found = held_for_sure(fleet)
    here = {r["project"] for r in found}
    get = lambda path: fleet.http.get(path).data
    assert get(f"/api/waves/{wave}/counts")["states"]["running"] >= len(here)
    assert here <= {m["mb_project_uuid"] for m in get(f"/api/waves/{wave}/migrations?status=in_progress&limit=500")}
    assert here <= {m["mb_project_uuid"] for m in get("/api/migrations?status=in_progress&limit=500")}
    worker = fleet.worker_id(fleet.workers[0])
    shown = next(w for w in get("/api/workers") if w["id"] == worker)
    assert shown["running"] >= len(here) and here & {r["mb_project_uuid"] for r in shown["runs"]}
    assert get(f"/api/waves/{wave}/migrations/{found[0]['project']}")["worker_id"] == worker
    gauge = re.search(r'^wavefleet_migrations{state="running"} (\d+)$', fleet.http.get("/metrics").json, re.M)
    assert int(gauge[1]) >= len(here)
    fleet.http.post(f"/api/waves/{wave}/stop", {})
    fleet.wait_wave(wave)


@pytest.mark.parametrize("path,outcome,state", [
    ("/api/migrations/m{id}/kill", "cancelled", "failed"), ("/api/migrations/m{id}/cancel", "cancelled", "cancelled"),
    ("/api/waves/{wave}/stop", "cancelled", "cancelled"), ("DELETE", "cancelled", "pending"), ("/api/migrations/m{id}/hard-reset", "cancelled", "pending")])
def test_what_is_asked_of_it_meanwhile(fleet, path, outcome, state):
    wave, found = held_for_sure(fleet)
    one = found[0]
    if path == "DELETE":
        reply = fleet.http.delete(f"/api/migrations/m{one['id']}/lock")
    else:
        reply = fleet.http.post(path.format(wave=wave, id=one["id"]), {})
    assert reply.status in (200, 202), reply
    ended = lambda: agrees(fleet) and [a["outcome"] for a in fleet.attempts(one["id"])]
    assert wait_until(ended, 15, "its end") == [outcome]
    if state != "pending":
        assert fleet.migrations(wave)[one["project"]]["state"] == state
    fleet.http.post(f"/api/waves/{wave}/stop", {})
    assert fleet.wait_wave(wave) == "stopped"
    agrees(fleet)
    fleet.check_wave(wave, "stopped", restarts=1)


def test_a_failure_waits_for_its_retry(fleet):
    wave, found = held_for_sure(fleet, lasts_ms=700, more='{"fail": {"class": "temporary", "times": 1}}')
    retried = lambda: agrees(fleet) and fleet.sql.value("SELECT count(*) FROM active WHERE state = 'retrying' AND due_at IS NOT NULL AND worker_id IS NULL")
    wait_until(lambda: retried() or fleet.status(wave)["status"] in ENDED, 10, "a retry", every_s=0.005)
    completes(fleet, wave)
    outcomes = [a["outcome"] for a in fleet.attempts(found[0]["id"]) if a["outcome"] != "handed_back"]
    assert outcomes == ["failed", "completed"]


def test_its_worker_is_killed(fleet):
    wave, found = held_for_sure(fleet, lasts_ms=3000)
    victim = fleet.workers[0]
    victim.kill()
    fleet.forget(victim)
    assert fleet.sql.value("SELECT count(*) FROM claims") > 0
    fleet.start_worker(concurrency=4)
    completes(fleet, wave)
    was_lost(fleet, found[0]["id"])
    agrees(fleet)


def test_its_worker_leaves(fleet):
    wave, found = held_for_sure(fleet)
    leaving = fleet.workers[0]
    assert leaving.stop() is None
    fleet.forget(leaving)
    assert agrees(fleet)["rows"] == 0 and fleet.sql.value("SELECT count(*) FROM claims") == 0
    fleet.sql.execute("UPDATE migrations SET params = NULL WHERE state = 'pending'")
    fleet.start_worker(concurrency=4)
    completes(fleet, wave)


def test_an_older_release_marks_its_worker_dead(fleet):
    """It settles what has a row in `active` as lost, and knows of nothing else."""
    wave, found = held_for_sure(fleet, lasts_ms=3000)
    victim = fleet.workers[0]
    worker = fleet.worker_id(victim)
    victim.kill()
    fleet.forget(victim)
    fleet.sql.execute("""UPDATE workers SET alive = false, slot = NULL, ended_at = now() - interval '1 hour', end_reason = 'lease'
        WHERE worker_id = %s""", worker)
    fleet.start_worker(concurrency=4)
    completes(fleet, wave)
    was_lost(fleet, found[0]["id"])
    assert fleet.sql.value("SELECT count(*) FROM claims WHERE worker_id = %s", worker) == 0


def test_care_ends_with_what_it_was_for(fleet):
    """Ids of what has ended, again and again: one that knows everything answers for them, and for more each time that there are
    some. Once it has claimed all that it was given, claims are single rows again."""
    ended = fleet.wave_and_wait("ended", names(50))
    ids = [m["id"] for m in fleet.migrations(ended).values()]
    for _ in range(8):
        fleet.redis.rpush("wavefleet:queue:default", *ids)
        wait_until(lambda: not fleet.redis.llen("wavefleet:queue:default"), 20, "all of them looked at")
    fleet.sql.execute("""CREATE TABLE public.noted (n bigint);
        CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO public.noted SELECT count(*) FROM made; RETURN NULL; END $$;
        CREATE TRIGGER note AFTER INSERT ON active REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION public.note()""")
    try:
        wave = fleet.submit("many", names(6000), batch_size=6000)
        completes(fleet, wave)
        noted = fleet.sql.value("SELECT sum(n) FROM public.noted")
    finally:
        fleet.sql.execute("DROP TRIGGER note ON active; DROP FUNCTION public.note(); DROP TABLE public.noted")
    assert noted < 1000, f"{noted} of 6,000 have had a row of their own"
