"""Restarting many migrations of a wave by a filter, and the preview of it."""

import pytest

from invariants import changed, fingerprint
from wavefleet import assert_problem, wait_until

LATER = "2999-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=2, concurrency=4)


def broken_wave(fleet, name, classes, cancelled=0, **fields):
    """An ended wave in which each of `classes` has failed some projects, and some were cancelled."""
    projects = [{"project": f"{cls}-{i}", "params": {"fail": {"times": 1, "class": cls}}}
                for cls, n in classes.items() for i in range(n)]
    projects += [{"project": f"fine-{i}"} for i in range(2)]
    projects += [{"project": f"slow-{i}", "params": {"sleep_ms": 60_000}} for i in range(cancelled)]
    wave = fleet.submit(name, projects, max_attempts=1, batch_size=50, **fields)
    for i in range(cancelled):
        wait_until(lambda: fleet.migrations(wave)[f"slow-{i}"]["state"] == "running", 20, "it to run")
        assert fleet.http.post(f"/api/waves/{wave}/migrations/slow-{i}/cancel", {}).status == 202
    assert fleet.wait_wave(wave) == "error"
    fleet.check_wave(wave, "error")     # and Redis has forgotten it
    return wave


def restart(fleet, wave, **body):
    return fleet.http.post(f"/api/waves/{wave}/restart-all", body)


def counts(fleet, wave):
    found = {}
    for row in fleet.migrations(wave).values():
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


def test_preview_changes_nothing_and_tells_the_truth(fleet):
    wave = broken_wave(fleet, "preview", {"temporary": 3, "data": 2}, cancelled=1)
    before = fleet.at_rest()
    filters = {"none": (None, 6), "error": ({"status": "error"}, 5), "cancelled": ({"status": "cancelled"}, 1),
               "class": ({"class": "data"}, 2), "name": ({"text": "TEMPORARY-1"}, 1),
               "nobody": ({"text": "no such thing"}, 0), "future": ({"since": LATER}, 0), "past": ({"until": LATER}, 6),
               "both": ({"class": "temporary", "text": "-2"}, 1), "contradiction": ({"status": "cancelled", "class": "data"}, 0)}
    for name, (wanted, n) in filters.items():
        body = {"dry_run": True} | ({"filter": wanted} if wanted else {})
        data = restart(fleet, wave, **body).data
        assert (data["restarted"], data["total"], data["dry_run"]) == (n, n, True), (name, data)
        assert sum(data["by_status"].values()) == n and len(data["details"]) == n, (name, data)
    whole = restart(fleet, wave, dry_run=True).data
    assert whole["by_class"] == {"temporary": 3, "data": 2} and whole["by_status"]["cancelled"] == 1
    assert restart(fleet, wave, dry_run=True, mb_uuids=["fine-0", "nobody"]).data["success"] == 1
    assert not changed(before, fingerprint(fleet.sql, fleet.redis)), "a preview changes nothing, the wave's version neither"


def test_restart_what_fits(fleet):
    wave = broken_wave(fleet, "by filter", {"temporary": 3, "data": 2}, cancelled=1)
    data = restart(fleet, wave, filter={"class": "temporary"}).data
    assert data["restarted"] == 3 and data["by_class"] == {"temporary": 3} and data["dry_run"] is False
    assert fleet.wait_wave(wave) == "error"
    assert counts(fleet, wave) == {"completed": 5, "failed": 2, "cancelled": 1}
    assert restart(fleet, wave, filter={"status": "error"}).data["restarted"] == 2
    assert fleet.wait_wave(wave) == "completed"
    fleet.sql.execute("""UPDATE migrations m SET params = NULL FROM waves w
        WHERE w.wave_no = m.wave_no AND w.wave_id = %s AND project = 'slow-0'""", wave)
    assert restart(fleet, wave, filter={"status": "cancelled"}).data["restarted"] == 1
    assert fleet.wait_wave(wave) == "completed"
    assert counts(fleet, wave) == {"completed": 8}
    fleet.check_wave(wave, "completed", restarts=3)


def test_nothing_fits(fleet):
    wave = broken_wave(fleet, "none fits", {"data": 1})
    version = fleet.sql.value("SELECT version FROM waves WHERE wave_id = %s", wave)
    data = restart(fleet, wave, filter={"class": "lost"}).data
    assert data["restarted"] == 0 and fleet.status(wave)["status"] == "error"
    assert fleet.sql.value("SELECT version FROM waves WHERE wave_id = %s", wave) == version
    assert fleet.http.post(f"/api/waves/{wave}/reset-status", {}).status == 200
    assert restart(fleet, wave, filter={"class": "lost"}).data["restarted"] == 0
    assert fleet.sql.value("SELECT state::text FROM waves WHERE wave_id = %s", wave) == "ready", "a filter starts nothing else"


def test_bad_filters(fleet):
    wave = broken_wave(fleet, "bad input", {"data": 1})
    before = fleet.at_rest()
    for body, status, pointer in (
            ({"filter": {"status": "running"}}, 422, "#/filter/status"),
            ({"filter": {"class": "weird"}}, 422, "#/filter/class"),
            ({"filter": {"since": "yesterday"}}, 422, "#/filter/since"),
            ({"filter": {"until": "0000-01-01T00:00:00Z"}}, 422, "#/filter/until"),
            ({"filter": {"since": "9999-12-31T23:59:59-12:00"}}, 422, "#/filter/since"),
            ({"filter": {"wave": wave}}, 422, "#/filter/wave"),
            ({"filter": {"colour": "red"}}, 422, "#/filter/colour"),
            ({"filter": {"text": ""}}, 422, "#/filter/text"),
            ({"filter": {"text": 5}}, 400, "#/filter/text"),
            ({"filter": []}, 400, "#/filter"),
            ({"filter": {}, "mb_uuids": ["data-0"]}, 422, "#/filter"),
            ({"dry_run": 1}, 400, "#/dry_run")):
        problem = assert_problem(restart(fleet, wave, **body), status)
        assert pointer in [e["pointer"] for e in problem["errors"]], (body, problem)
    assert_problem(restart(fleet, "1700000000_123456789012", dry_run=True), 404)
    assert not changed(before, fingerprint(fleet.sql, fleet.redis))
