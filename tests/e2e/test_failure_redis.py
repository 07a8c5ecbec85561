"""Whatever becomes of Redis: what is wrong is said while it lasts (log, /readyz, 503 with Retry-After), and
when it is over everything completes by itself, once."""

import contextlib
import shutil
import signal
import threading
import time

import pytest
import redis

from failing import completes, logged, names, nothing_of, ready_again, refuses, says, wait_done
from servers import PickyGate, SpareRedis
from stack import server_address
from wavefleet import SLOW, wait_until

@pytest.fixture
def spare(tmp_path):
    """spare(*options): a Redis of this test's own."""
    made = []

    def make(*options, name="redis"):
        made.append(SpareRedis(tmp_path / f"{name}-{len(made)}", *options))
        return made[-1]
    yield make
    for server in made:
        server.close()


@pytest.fixture
def fleet_on(make_own_fleet):
    """fleet_on(server, url=None, workers=2, **env): a fleet that works with this Redis."""
    def make(server, url=None, workers=2, **env):
        fleet = make_own_fleet(api=False, env={"WAVEFLEET_REDIS_URL": url or server.url, **env})
        fleet.redis = server.client
        fleet.start_api()
        fleet.start_workers(workers, 3)
        return fleet
    return make


# ---- away, and back with the same data, none, or those of yesterday ----

@pytest.mark.parametrize("data", ["same", "none", "older"])
def test_restarted(spare, fleet_on, tmp_path, data):
    server = spare("--appendonly", "yes", "--appendfsync", "always")
    fleet = fleet_on(server)
    early = fleet.submit("ends meanwhile", ["x", "y"], params={"sleep_ms": 10})
    wave = fleet.submit("before", names(60), batch_size=5, params={"sleep_ms": 60})
    wait_done(fleet, wave, 4)
    shutil.copytree(server.folder / "appendonlydir", tmp_path / "older")
    completes(fleet, early)
    late = fleet.submit("after the copy", ["l0", "l1", "l2"], batch_size=1, params={"sleep_ms": 700})
    wait_done(fleet, wave, 20)
    server.stop()
    says(fleet, "Redis does not answer")
    nothing_of(fleet, refuses(fleet, "Redis does not answer"))
    if data != "same":
        shutil.rmtree(server.folder / "appendonlydir")
    if data == "older":
        shutil.copytree(tmp_path / "older", server.folder / "appendonlydir")
    server.start()
    ready_again(fleet)
    logged(fleet, "redis.down")
    logged(fleet, "redis.other_server", "restarted")
    completes(fleet, early, wave, late, fleet.submit("new", ["n"]))


def test_failed_over(spare, fleet_on):
    """The old master becomes a replica of the new one, then the name points to that one."""
    old, new = spare(name="old"), spare(name="new")
    gate = PickyGate(("127.0.0.1", old.port))
    fleet = fleet_on(old, url=f"redis://127.0.0.1:{gate.port}/0")
    wave = fleet.submit("failover", names(40), batch_size=5, params={"sleep_ms": 60})
    wait_done(fleet, wave, 8)
    new.client.replicaof("127.0.0.1", old.port)
    wait_until(lambda: new.client.info("replication")["master_link_status"] == "up", 20, "the new one in step")
    new.client.replicaof("NO", "ONE")
    old.client.replicaof("127.0.0.1", new.port)
    says(fleet, "replica")
    nothing_of(fleet, refuses(fleet, "replica"))
    fleet.redis = new.client
    gate.target = ("127.0.0.1", new.port)
    ready_again(fleet)
    logged(fleet, "redis.down", "replica")
    completes(fleet, wave, fleet.submit("new", ["n"]))


# ---- there, but of no use ----

def test_out_of_memory(spare, fleet_on):
    server = spare("--maxmemory-policy", "noeviction")
    fleet = fleet_on(server)
    wave = fleet.submit("full", names(40), batch_size=5, params={"sleep_ms": 60})
    wait_done(fleet, wave, 8)
    server.client.config_set("maxmemory", 1)
    says(fleet, "maxmemory")
    nothing_of(fleet, refuses(fleet, "maxmemory", "give it more memory"))
    for program in ("wavefleet-worker", "wavefleet-api"):
        logged(fleet, "redis.trouble", "maxmemory", program=program)
    lines = len(fleet.log_events())
    time.sleep(2)       # how much is said in that time is what is asked
    assert len(fleet.log_events()) - lines < 100, "the log is flooded"
    server.client.config_set("maxmemory", 0)
    ready_again(fleet)
    logged(fleet, "redis.well")
    completes(fleet, wave, fleet.submit("new", ["n"]))


def test_one_that_would_evict_is_complained_of(spare, fleet_on):
    server = spare("--maxmemory-policy", "allkeys-lru")
    fleet = fleet_on(server, workers=1)
    for program in ("wavefleet-api", "wavefleet-worker"):
        done = fleet.run(program, "--check")
        assert done.returncode == 1, f"{program}: {done.stdout}"
        assert "allkeys-lru" in done.stdout and "noeviction" in done.stdout, done.stdout
        logged(fleet, "redis.forgetful", "allkeys-lru", program=program)
    completes(fleet, fleet.submit("all the same", ["a", "b"]))


def test_one_that_stands_still(spare, fleet_on):
    """A server that is busy for longer than the time-out: connections are given up, nothing is lost."""
    server = spare()
    fleet = fleet_on(server, WAVEFLEET_REDIS_TIMEOUT_MS="1000")
    wave = fleet.submit("still", names(40), batch_size=5, params={"sleep_ms": 60})
    wait_done(fleet, wave, 8)
    server.process.send_signal(signal.SIGSTOP)
    says(fleet, "Redis does not answer")
    logged(fleet, "redis.down", "no answer within")
    server.process.send_signal(signal.SIGCONT)
    ready_again(fleet)
    completes(fleet, wave)


def test_a_script_that_does_not_end(spare, fleet_on):
    server = spare("--busy-reply-threshold", "100")
    fleet = fleet_on(server)
    wave = fleet.submit("busy", names(40), batch_size=5, params={"sleep_ms": 60})
    wait_done(fleet, wave, 8)

    def loop():
        client = redis.Redis.from_url(server.url)
        with contextlib.suppress(redis.RedisError):
            client.eval("while true do end", 0)
    busy = threading.Thread(target=loop)
    busy.start()
    says(fleet, "script")
    nothing_of(fleet, refuses(fleet, "script"))
    server.client.script_kill()
    busy.join()
    ready_again(fleet)
    completes(fleet, wave)


# ---- the network ----

@pytest.fixture
def gate(spare):
    server = spare()
    made = PickyGate(server_address(server.url, 6379))
    yield server, made
    made.mend()


def test_slow_answers(gate, fleet_on):
    server, slow = gate
    fleet = fleet_on(server, url=f"redis://127.0.0.1:{slow.port}/0")
    slow.slow(0.15)
    waves = [fleet.submit(f"slow {i}", names(15), batch_size=5, params={"sleep_ms": 20}) for i in range(2)]
    completes(fleet, *waves)


@pytest.mark.parametrize("connection", ["commands", "pop", "control"])
def test_one_connection_hangs(gate, fleet_on, connection):
    """It neither closes nor says anything, while the others are well."""
    server, picky = gate
    fleet = fleet_on(server, url=f"redis://127.0.0.1:{picky.port}/0", WAVEFLEET_REDIS_TIMEOUT_MS="1000")
    wave = fleet.submit("hangs", names(60), batch_size=5, params={"sleep_ms": 60})
    wait_done(fleet, wave, 8)
    assert picky.hang(b"wavefleet:" + connection.encode()) >= 2
    downs = wait_until(lambda: [e for e in fleet.log_events("redis.down") if connection in e["connection"]], 12 * SLOW,
                       f"the {connection} connection given up")
    assert any("no answer within" in e["reason"] or "do not come back" in e["reason"] for e in downs), downs
    completes(fleet, wave, fleet.submit("new", ["n"]))


def test_a_worker_leaves_while_redis_owes_it_what_follows(gate, fleet_on):
    """Its bodies have ended and what follows them is asked for; whoever hears that this fails must be there still."""
    server, picky = gate
    fleet = fleet_on(server, url=f"redis://127.0.0.1:{picky.port}/0", WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS="200")
    wave = fleet.submit("owed", names(40), batch_size=4, params={"sleep_ms": 300})
    wait_done(fleet, wave, 4)
    running = [r["id"] for r in fleet.sql.rows("SELECT id FROM migrations WHERE state = 'running'")]
    assert picky.hang(b"wavefleet:commands") >= 2
    wait_until(lambda: not fleet.sql.value("SELECT count(*) FROM migrations WHERE id = ANY (%s) AND state = 'running'",
                                           running), 10 * SLOW, "the bodies' outcomes settled all the same")
    for worker in list(fleet.workers):
        worker.stop()           # its exit status says that Redis was not told; its log is judged at the end
        fleet.forget(worker)
    picky.mend()
    fleet.start_workers(2, 3)
    completes(fleet, wave)
