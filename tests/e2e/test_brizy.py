"""Brizy: workspaces and projects are found or created exactly once, with ten
workers at once and 429 and 502 in between."""

import brizy as fake
import pytest

from remote_setup import QUICK_REMOTE, store_secret

BAD_GATEWAY_CREATED = {"status": 502, "created": True}
BAD_GATEWAY = {"status": 502, "created": False}
TOO_MANY = {"status": 429, "created": False, "retry_after": "1"}


@pytest.fixture(scope="module")
def fleet(make_fleet, migration_server, brizy):
    fleet = make_fleet(workers=10, concurrency=2, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url,
        "WAVEFLEET_BRIZY_URL": brizy.url, "WAVEFLEET_BRIZY_TOKEN": fake.TOKEN,
        "WAVEFLEET_REMOTE_START_TIMEOUT_MS": "20000"})
    store_secret(fleet)
    return fleet


def ends(fleet, *waves):
    for wave in waves:
        assert fleet.wait_wave(wave, 60) == "completed", [m["error"] for m in fleet.migrations(wave).values() if m["error"]]
        fleet.check_wave(wave, "completed", clean_within_s=20)


def test_ten_workers_create_everything_once(fleet, migration_server, brizy):
    brizy.app.control({"reset": True, "delay_ms": 100, "create_faults": [
        BAD_GATEWAY_CREATED, TOO_MANY, BAD_GATEWAY, BAD_GATEWAY_CREATED, TOO_MANY, BAD_GATEWAY_CREATED,
        {"status": "reset", "created": True}, {"status": "reset", "created": False}]})
    names = [f"plain--{i}" for i in range(30)]
    wave = fleet.submit("Волна 1 & more", names, "remote", batch_size=30, max_attempts=20)
    ends(fleet, wave)
    report = brizy.app.report()
    assert not report["duplicates"], report["duplicates"]
    assert [w["name"] for w in report["workspaces"]] == ["Волна 1 & more"]
    assert sorted(p["name"] for p in report["projects"]) == sorted(names)
    made = {p["name"]: p["id"] for p in report["projects"]}
    assert {n: m["brz_project_id"] for n, m in fleet.migrations(wave).items()} == made
    shown = fleet.http.get(f"/api/waves/{wave}").data["wave"]
    assert shown["workspace_id"] in (report["workspaces"][0]["id"], str(report["workspaces"][0]["id"]))
    server = migration_server.app.report()
    assert not server["double_starts"] and len(server["starts"]) == 30


def test_what_is_there_is_found_on_any_page(fleet, brizy):
    workspaces = [f"other {i}" for i in range(230)] + ["Found"]
    brizy.app.control({"reset": True, "workspaces": workspaces,
                       "projects": [["Found", f"filler {i}"] for i in range(150)] + [["Found", "plain--there"]]})
    before = brizy.app.report()
    ends(fleet, fleet.submit("Found", ["plain--there"], "remote"))
    assert brizy.app.report()["creates"] == [] and len(brizy.app.report()["projects"]) == len(before["projects"])


def test_an_answer_as_an_array(fleet, brizy):
    brizy.app.control({"reset": True, "create_array": True})
    ends(fleet, fleet.submit("Array", ["plain--array"], "remote"))
    assert not brizy.app.report()["duplicates"]


def test_two_waves_of_one_name_share_the_workspace(fleet, brizy):
    brizy.app.control({"reset": True, "delay_ms": 150})
    waves = [fleet.submit("Twins", [f"plain--{side}-{i}" for i in range(5)], "remote", batch_size=5) for side in "lr"]
    ends(fleet, *waves)
    report = brizy.app.report()
    assert not report["duplicates"] and len(report["workspaces"]) == 1 and len(report["projects"]) == 10


def test_a_refusal_is_permanent(fleet, brizy):
    brizy.app.control({"reset": True, "token": "changed meanwhile"})
    wave = fleet.submit("Refused", ["plain--refused"], "remote")
    assert fleet.wait_wave(wave, 30) == "error"
    row = fleet.migrations(wave)["plain--refused"]
    assert row["attempt"] == 1 and row["error"]
    assert fake.TOKEN not in row["error"]
    fleet.check_wave(wave, "error")


def test_lists_that_fail_are_asked_again(fleet, brizy):
    brizy.app.control({"reset": True, "list_faults": [{"status": 502}, {"status": 429, "retry_after": "1"}, {"status": "reset"}]})
    ends(fleet, fleet.submit("Lists", ["plain--lists"], "remote", max_attempts=10))
    assert not brizy.app.report()["duplicates"]
