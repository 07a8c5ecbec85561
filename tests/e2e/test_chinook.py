"""A real run: twenty fresh tenant databases, each given the Chinook schema and
data by psql."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

PSQL = "/usr/bin/psql"
SCRIPT = Path(__file__).resolve().parents[1] / "data/chinook-postgres.sql"
WANTED = {"artist": 275, "album": 347, "track": 3503}


def test_twenty_tenants_get_chinook(make_fleet):
    fleet = make_fleet(workers=2, concurrency=3, env={"WAVEFLEET_COMMAND_ALLOW": PSQL})
    tenants = {f"chinook_{i:02d}": None for i in range(20)}
    try:
        for name in tenants:
            tenants[name] = fleet.place.create_database(name)
        projects = [{"project": name, "brz_project_id": 1 + i, "params": {"dsn": url}}
                    for i, (name, url) in enumerate(tenants.items())]
        argv = [PSQL, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", "{params.dsn}", "-f", str(SCRIPT)]
        wave = fleet.submit("chinook", projects, "command", batch_size=4, params={"argv": argv})
        with fleet.sampling(wave) as sampler:
            status = fleet.wait_wave(wave, 120)
        errors = {p: m["error"] for p, m in fleet.migrations(wave).items() if m["error"]}
        assert status == "completed", json.dumps(errors, indent=1)
        assert sampler.peak(wave) <= 4
        s = fleet.check_wave(wave, "completed")
        assert s["completed"] == 20
        for name, url in tenants.items():
            assert counts(url) == WANTED, name
        passwords = {urlsplit(url).password for url in tenants.values()} - {None}
        assert not any(p in fleet.workers[0].text() for p in passwords)
    finally:
        for name in tenants:
            fleet.place.drop_database(name)


def counts(url):
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as c:
            found = {}
            for table in WANTED:
                c.execute(f"SELECT count(*) FROM {table}")
                found[table] = c.fetchone()[0]
            return found
    finally:
        connection.close()
