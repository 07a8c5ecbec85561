"""Whatever becomes of PostgreSQL: what is wrong is said while it lasts (log, /readyz, 503 with Retry-After),
and when it is over everything completes by itself, once."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

import psycopg2
import pytest

from failing import completes, logged, names, nothing_of, ready_again, refuses, says, wait_done
from held import held
from servers import OwnPlace, OwnStack, PickyGate, SturdySql, as_postgres, postgres_address
from invariants import snapshot
from stack import moved_to
from wavefleet import SLOW, free_port, wait_until

HELD = {"WAVEFLEET_COMMAND_ALLOW": "/bin/sh"}


@pytest.fixture(scope="module")
def own():
    stack = OwnStack()
    yield stack
    stack.close()


@pytest.fixture
def fleet_on(own, make_own_fleet):
    """fleet_on(stack=None, url=None, workers=2, **env): a fleet on a server that may be broken. `url`
    makes the one that the programs get out of the place's own."""
    def make(stack=None, url=None, workers=2, **env):
        place = OwnPlace(stack or own, "postgres")
        fleet = make_own_fleet(api=False, place=place, env=env)
        if url:
            fleet.env["WAVEFLEET_DATABASE_URL"] = url(place)
        fleet.start_api()
        fleet.start_workers(workers, 3)
        return fleet
    return make


def identities(fleet):
    return {r["worker_id"] for r in fleet.sql.rows("SELECT worker_id FROM workers WHERE alive")}


def outcomes(fleet):
    return {r["outcome"] for r in fleet.sql.rows("SELECT DISTINCT outcome::text FROM attempts")}


def slow_wave(fleet, count=60, sleep_ms=60, name="before"):
    return fleet.submit(name, names(count), batch_size=6, params={"sleep_ms": sleep_ms})


def held_wave(fleet, folder, count=60):
    """It runs when this returns, and ends no body before (folder / "go") is touched; the fleet allows HELD."""
    wave = fleet.submit("before", names(count), "command", batch_size=6, params=held(folder))
    wait_until(lambda: snapshot(fleet.sql, wave)["running"] == 6, 20, "six to run")
    return wave


# ---- gone, and back ----

def test_restarted(own, fleet_on):
    """Fast, immediate and by kill -9, while a wave runs."""
    fleet = fleet_on(workers=2, WAVEFLEET_RETRY_CRASH_BUDGET="5")
    wave = slow_wave(fleet, 80)
    for how, settled in (("fast", 6), ("immediate", 24), ("kill", 42)):
        wait_done(fleet, wave, settled)
        own.halt("postgres", how)
        says(fleet, "PostgreSQL takes no connections")
        name = refuses(fleet, "PostgreSQL")
        own.up()
        ready_again(fleet)
        nothing_of(fleet, name)
    logged(fleet, "postgres.down")
    completes(fleet, wave)


def test_away_for_longer_than_the_lease(own, fleet_on):
    """Bodies end, nobody may believe in them; their slots are free again at once when it is back, not
    only after a further lease."""
    fleet = fleet_on(workers=2, WAVEFLEET_WORKER_LEASE_MS="8000", WAVEFLEET_RETRY_CRASH_BUDGET="5")
    wave = slow_wave(fleet, 12, 9000)
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM active WHERE state = 'running'") == 6, 20, "bodies run")
    before = identities(fleet)
    own.halt("postgres", "fast")
    logged(fleet, "worker.dead")
    wait_until(lambda: len([e for e in fleet.log_events("worker.dead") if "how" in e]) >= 2, 15, "both are fenced")
    own.up()
    ready_again(fleet)
    back = time.monotonic()
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM migrations WHERE state = 'running' AND attempt = 2") == 6,
               20, "their migrations run again", every_s=0.02)
    assert time.monotonic() - back < 6 * SLOW, "it took as long as a lease"
    assert not identities(fleet) & before
    assert outcomes(fleet) == {"lost"}
    reasons = {r["end_reason"] for r in fleet.sql.rows("SELECT end_reason FROM workers WHERE NOT alive")}
    assert reasons == {"former"}, reasons
    assert fleet.http.post(f"/api/waves/{wave}/stop", {}).status == 200
    wait_until(lambda: fleet.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave), 20, "the wave's end")
    fleet.check_wave(wave, "stopped")


class Standby:
    """A replica of a stack's PostgreSQL that confirms every commit."""

    def __init__(self, stack):
        self.port, self.folder = free_port(), stack.postgres_folder().parent / "standby"
        self.bin = subprocess.run(["pg_config", "--bindir"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        port = postgres_address_of(stack)[1]
        as_postgres([f"{self.bin}/pg_basebackup", "-h", "127.0.0.1", "-p", port, "-U", "wavefleet", "-D", self.folder,
                     "-R", "-X", "stream", "-c", "fast"])
        as_postgres([f"{self.bin}/pg_ctl", "start", "-w", "-D", self.folder, "-l", f"{self.folder}/log", "-o",
                     f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} "
                     "-c fsync=off -c max_connections=200"])
        admin = SturdySql(stack.database_url)
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        admin.execute("SELECT pg_reload_conf()")
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"), 20,
                   "the standby in step")
        admin.close()

    def ctl(self, *words):
        as_postgres([f"{self.bin}/pg_ctl", *words, "-D", self.folder])


def postgres_address_of(stack):
    from urllib.parse import urlsplit
    parts = urlsplit(stack.database_url)
    return parts.hostname, parts.port


def test_failed_over(make_own_fleet, fleet_on):
    """Two hosts in the URL, the standby first: it is passed over while it is one, and taken when it was
    promoted and the other is away."""
    stack = OwnStack()
    try:
        standby = Standby(stack)
        try:
            url = lambda place: (f"postgresql://wavefleet@127.0.0.1:{standby.port},127.0.0.1:"
                                 f"{postgres_address_of(stack)[1]}/{place.database}")
            fleet = fleet_on(stack, url)
            wave = slow_wave(fleet)
            wait_done(fleet, wave, 8)
            stack.halt("postgres", "immediate")
            says(fleet, "PostgreSQL")
            standby.ctl("promote", "-w")
            fleet.sql = SturdySql(fleet.env["WAVEFLEET_DATABASE_URL"] + "?target_session_attrs=read-write")
            ready_again(fleet)
            completes(fleet, wave, fleet.submit("on the new one", ["n"]))
            assert fleet.run("wavefleet-api", "--check").stdout.count("PostgreSQL ok") == 1
            fleet.stop()        # before its server goes
            fleet.workers.clear()
            fleet.apis.clear()
        finally:
            standby.ctl("stop", "-m", "immediate")
    finally:
        stack.close()


# ---- there, but of no use ----

@contextlib.contextmanager
def read_only(fleet):
    fleet.place.admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    fleet.place.admin.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        writer = psycopg2.connect(fleet.place.database_url, options="-c default_transaction_read_only=off")
        writer.autocommit = True
        with writer.cursor() as c:
            c.execute("ALTER SYSTEM RESET default_transaction_read_only")
            c.execute("SELECT pg_reload_conf()")
        writer.close()


def test_read_only(fleet_on):
    fleet = fleet_on()
    wave = slow_wave(fleet)
    wait_done(fleet, wave, 8)
    with read_only(fleet):
        says(fleet, "PostgreSQL is read-only")
        name = refuses(fleet, "read-only")
        for program in ("wavefleet-api", "wavefleet-worker"):
            logged(fleet, "postgres.trouble", "read-only", program=program)
            logged(fleet, "postgres.down", "session is read-only", program=program)
        done = fleet.run("wavefleet-worker", "--check")
        assert done.returncode == 1 and "read-only" in done.stdout, done.stdout
    ready_again(fleet)
    nothing_of(fleet, name)
    completes(fleet, wave, fleet.submit("new", ["n"]))


def test_no_connection_left(fleet_on):
    fleet = fleet_on()
    wave = slow_wave(fleet)
    wait_done(fleet, wave, 8)
    fleet.place.admin.value("SELECT 1")     # has its connection
    with all_connections_held(fleet):
        says(fleet, "PostgreSQL has no connection left")
        refuses(fleet, "PostgreSQL has no connection left")
        logged(fleet, "postgres.down", "too many clients", program="wavefleet-api")
    ready_again(fleet)
    completes(fleet, wave, fleet.submit("new", ["n"]))


@contextlib.contextmanager
def all_connections_held(fleet):
    """Takes every one that is free, and those of the programs."""
    taken, end = [], time.monotonic() + 20 * SLOW
    theirs = "FROM pg_stat_activity WHERE application_name LIKE 'wavefleet%'"
    try:
        while ("no connection left" not in fleet.http.get("/readyz").json.get("error", "")
               or fleet.place.admin.value(f"SELECT count(*) {theirs}")):
            assert time.monotonic() < end, "there is always a connection left"
            with contextlib.suppress(psycopg2.OperationalError):
                while True:
                    taken.append(psycopg2.connect(fleet.place.stack.database_url))
            fleet.place.admin.rows(f"SELECT pg_terminate_backend(pid) {theirs}")
            time.sleep(0.2)     # whoever finds the place first: they or we
        yield
    finally:
        for connection in taken:
            connection.close()


@contextlib.contextmanager
def full_disk(fleet, tmp_path):
    """The tables that grow are on a small disk, and that is full. Where nothing can be mounted, a
    trigger says what PostgreSQL would say."""
    sql, folder = fleet.place.sql, Path(fleet.place.stack.dir) / "small"
    folder.mkdir(mode=0o755)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=0777", "none", str(folder)],
                             stderr=subprocess.DEVNULL).returncode == 0
    tables = ("migrations", "active", "migration_logs")
    try:
        if mounted:
            (folder / "data").mkdir()
            as_owner_of(fleet.place.stack.postgres_folder(), folder / "data")
            sql.execute(f"CREATE TABLESPACE small LOCATION '{folder}/data'")
            for table in tables[:2]:
                sql.execute(f"ALTER TABLE {table} SET TABLESPACE small")
            fill(folder / "ballast")
        else:
            sql.execute("""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$""")
            for table in tables:
                sql.execute(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()")
        yield
        if mounted:
            (folder / "ballast").unlink()
        else:
            sql.execute("DROP FUNCTION full_disk CASCADE")
        yield
    finally:
        if mounted:
            for table in tables[:2]:
                sql.execute(f"ALTER TABLE {table} SET TABLESPACE pg_default")
            sql.execute("DROP TABLESPACE small")
            subprocess.run(["umount", str(folder)], check=True)


def as_owner_of(model, folder):
    owner = os.stat(model)
    os.chown(folder, owner.st_uid, owner.st_gid)


def fill(path):
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as f:
        while True:
            f.write(b"\0" * 4096)


def test_disk_full(fleet_on, tmp_path):
    fleet = fleet_on(**HELD)
    wave = held_wave(fleet, tmp_path, 600)
    disk = full_disk(fleet, tmp_path).gen
    next(disk)
    try:
        name = refuses(fleet, "PostgreSQL's disk is full", body={"project_uuids": names(5000)})
        says(fleet, "PostgreSQL's disk is full")
        logged(fleet, "postgres.trouble", "No space left", program="wavefleet-api")
        (tmp_path / "go").touch()
        logged(fleet, "postgres.trouble", "No space left", program="wavefleet-worker")
        assert fleet.http.get(f"/api/waves/{wave}/status").status == 200, "what is there can be read"
        next(disk)
        nothing_of(fleet, name)
        ready_again(fleet)
        completes(fleet, wave, fleet.submit("new", ["n"]))
    finally:
        with contextlib.suppress(StopIteration):
            next(disk)


# ---- slow ----

def test_locked_tables_and_a_terminated_transaction(fleet_on, tmp_path):
    """For longer than the lease nothing can be claimed or settled, and the transactions that wait are
    ended by the administrator: the lease is renewed all the same, and no body is lost."""
    fleet = fleet_on(WAVEFLEET_DATABASE_QUERY_TIMEOUT_MS="2000", WAVEFLEET_WORKER_LEASE_MS="6000", **HELD)
    wave = held_wave(fleet, tmp_path)
    before = identities(fleet)
    locker = psycopg2.connect(fleet.place.database_url)
    with locker.cursor() as c:
        c.execute("""LOCK TABLE wavefleet.waves, wavefleet.migrations, wavefleet.active, wavefleet.attempts_kept,
                     wavefleet.wave_progress IN ACCESS EXCLUSIVE MODE""")
        (tmp_path / "go").touch()
        logged(fleet, "exchange.failed", "lock")
        name = refuses(fleet, "lock")
        for _ in range(7):
            time.sleep(1)       # the length of the lock, longer than the lease, is the parameter of this test
            fleet.place.admin.rows("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name LIKE 'wavefleet-%% settle' AND wait_event_type = 'Lock'""")
    locker.rollback()
    locker.close()
    nothing_of(fleet, name)
    completes(fleet, wave)
    assert identities(fleet) == before and outcomes(fleet) == {"completed"}


@pytest.fixture
def picky():
    made = []

    def gated(place):
        made.append(PickyGate(postgres_address(place)))
        return moved_to(place.database_url, made[-1].port)
    yield made, gated
    for gate in made:
        gate.mend()


def test_slow_answers(fleet_on, picky):
    gates, gated = picky
    fleet = fleet_on(url=gated)
    gates[0].slow(0.15)
    completes(fleet, *[fleet.submit(f"slow {i}", names(12), batch_size=6, params={"sleep_ms": 20}) for i in range(2)])


@pytest.mark.parametrize("connections", [["lease"], ["settle", "look", "stream"]], ids="+".join)
def test_connections_hang(fleet_on, picky, tmp_path, connections):
    """They neither close nor say anything, while the others are well: no lease runs out, nothing is lost."""
    gates, gated = picky
    fleet = fleet_on(url=gated, WAVEFLEET_DATABASE_QUERY_TIMEOUT_MS="2000", WAVEFLEET_WORKER_LEASE_MS="6000", **HELD)
    completes(fleet, fleet.submit("of both, with lines", names(40), batch_size=8, params={"log_lines": 1, "sleep_ms": 50}))
    wave = held_wave(fleet, tmp_path)
    before = identities(fleet)
    given_up = lambda: {e["name"] for e in fleet.log_events("postgres.down") if "has not answered" in e["reason"]}
    wanted = {f"wavefleet-worker {c}" for c in connections}
    for name in wanted:
        assert gates[0].hang(name.encode()) == 2
    (tmp_path / "go").touch()
    wait_until(lambda: given_up() >= wanted, 30, f"{wanted} given up")
    completes(fleet, wave, fleet.submit("new", ["n"]))
    assert identities(fleet) == before
    assert outcomes(fleet) <= {"completed", "handed_back"}, "a claim whose answer hung is handed back, nothing is lost"
