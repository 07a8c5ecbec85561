"""What is looked at before anything goes wrong: the doctor, a wave's readiness, and what --check says."""

import socket
import time

import pytest

from gate import Gate
from remote_setup import QUICK_REMOTE, store_secret, targets
from servers import SpareRedis
from stack import moved_to, server_address
from wavefleet import SLOW, assert_problem, free_port, in_parallel, wait_until

ABSENT = "1700000000_000000000000"


def looked_at(reply):
    """The checks by name, each well formed."""
    assert reply.status == 200, reply
    checks = reply.data["checks"]
    for c in checks:
        assert set(c) == {"name", "status", "detail", "mend"} and c["detail"] and c["status"] in ("ok", "warn", "fail"), c
        assert (c["mend"] is None) is (c["status"] == "ok"), c
    assert reply.data["ok"] is (not any(c["status"] == "fail" for c in checks))
    return {c["name"]: c for c in checks}


def doctor(fleet, **options):
    return looked_at(fleet.http.get("/api/doctor", **options))


def ready(fleet, wave):
    return looked_at(fleet.http.get(f"/api/waves/{wave}/readiness"))


def status_of(checks, *names):
    return [checks[n]["status"] if n in checks else None for n in names]


@pytest.fixture(scope="module")
def fleet(make_fleet, migration_server):
    return make_fleet(workers=1, concurrency=3, env={**QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url})


# ---- the doctor ----

def test_a_fleet_that_is_well(fleet):
    wanted = {"config.public_url", "config.secret_key", "postgres.reachable", "postgres.version", "postgres.schema", "postgres.encoding",
              "postgres.connections", "postgres.vacuum", "postgres.transactions", "postgres.wraparound", "clock.postgres", "workers.alive", "workers.heartbeat",
              "workers.versions", "workers.lease", "queues.served", "queues.paused", "redis.reachable", "redis.version", "redis.eviction",
              "redis.memory", "redis.installations", "clock.redis", "migration_server.reachable", "migration_server.webhooks"}

    def well():     # its limits are of seconds, and a machine may stand still for so long
        checks = doctor(fleet)
        assert wanted <= {n for n, c in checks.items() if c["status"] == "ok"}, checks
        return checks
    checks = wait_until(well, 20, "all to be well")
    assert checks["workers.alive"]["detail"].startswith("1 workers are alive, with 3 runners")
    # a server for tests: it keeps nothing, and says so
    assert checks["postgres.durability"]["status"] == "fail" and "fsync is off" in checks["postgres.durability"]["detail"]
    assert fleet.http.get("/api/doctor").data["ok"] is False


def test_who_may_ask(fleet):
    tokens = {role: fleet.run("wavefleet-api", "token", "create", "--role", role, "--name", f"d-{role}").stdout.split()[-1]
              for role in ("viewer", "operator", "admin")}
    assert [fleet.http.get("/api/doctor", token=t).status for t in tokens.values()] == [403, 200, 200]
    wave = fleet.submit("mine", ["a"])
    assert fleet.http.get(f"/api/waves/{wave}/readiness", token=tokens["viewer"]).status == 200


def test_workers_that_are_not_as_the_others(fleet):
    sql = fleet.sql
    row = """INSERT INTO workers (name, host, boot_id, pid_ns, pid, pid_started, queues, concurrency, version, lease_ms, protocol, alive, ended_at, end_reason)
        VALUES (gen_random_uuid(), 'h', 'b', 'n', 1, 1, '{elsewhere}', 5, '0.1.0', 999000, 4, %s, %s, %s) RETURNING worker_id"""
    one = sql.value(row, True, None, None)
    sql.execute(row, False, "now", "lease")
    try:
        checks = doctor(fleet)
        assert status_of(checks, "workers.heartbeat", "workers.versions", "workers.lease", "workers.lost") == ["warn", "warn", "fail", "warn"]
        assert "1 of them have no session" in checks["workers.heartbeat"]["detail"] and "0.1.0" in checks["workers.versions"]["detail"]
    finally:
        sql.execute("DELETE FROM workers WHERE host = 'h'")
    assert one and status_of(doctor(fleet), "workers.heartbeat", "workers.lost", "workers.lease") == ["ok", "ok", "ok"]


def test_queues_in_which_waves_wait_for_nothing(fleet):
    wave = fleet.submit("unserved", ["a"], queue="lonely")
    paused = fleet.submit("paused", ["a"], params={"sleep_ms": 20_000})
    fleet.http.post("/api/queues/default/pause", {})
    checks = doctor(fleet)
    assert "lonely" in checks["queues.served"]["detail"] and checks["queues.served"]["status"] == "fail"
    assert "default" in checks["queues.paused"]["detail"] and checks["queues.paused"]["status"] == "warn"
    fleet.http.post("/api/queues/default/resume", {})
    for w in (wave, paused):
        fleet.http.post(f"/api/waves/{w}/stop", {})
        fleet.wait_wave(w)
    wait_until(lambda: status_of(doctor(fleet), "queues.served", "queues.paused") == ["ok", "ok"], 20, "both to be well")


def test_sealed_secrets_want_their_key(make_own_fleet):
    fleet = make_own_fleet()
    store_secret(fleet)
    api = fleet.start_api(WAVEFLEET_SECRET_KEY="")
    checks = looked_at(api.http.get("/api/doctor"))
    assert status_of(checks, "config.secret_key", "config.sealed") == ["warn", "fail"]
    assert "config.sealed" not in doctor(fleet)


def test_a_migration_server_that_cannot_reach_us(make_own_fleet, migration_server):
    """It answers at once, and what it should call does not exist."""
    fleet = make_own_fleet(api=False, env={"WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url})
    fleet.env["WAVEFLEET_PUBLIC_URL"] = f"http://127.0.0.1:{free_port()}"
    fleet.start_api()
    wait_until(lambda: status_of(doctor(fleet), "migration_server.reachable", "migration_server.webhooks") == ["ok", "warn"],
               20, "the server to answer and not to reach us")
    fleet.submit("wants it", [{"project": "a", "brz_project_id": 1}], kind="remote", queue="nobody", workspace_id=1,
                 params={"mb_site_id": 1, "mb_secret": "s"})
    assert status_of(doctor(fleet), "migration_server.webhooks") == ["fail"]


def test_nobody_waits_for_a_server_that_says_nothing(make_own_fleet):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fleet = make_own_fleet(env={"WAVEFLEET_MIGRATION_SERVER_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        began = time.monotonic()
        for checks in in_parallel(*[lambda: doctor(fleet) for _ in range(8)]):
            assert checks["migration_server.reachable"]["status"] == "warn"
            assert "two seconds" in checks["migration_server.reachable"]["detail"]
        assert time.monotonic() - began < 8 * SLOW, "one after the other"
        assert fleet.http.get("/livez").status == 200


def test_with_redis_away(make_own_fleet):
    fleet = make_own_fleet(api=False)
    gate = Gate(server_address(fleet.place.redis_url, 6379))
    fleet.start_api(WAVEFLEET_REDIS_URL=moved_to(fleet.place.redis_url, gate.port))
    assert status_of(doctor(fleet), "redis.reachable") == ["ok"]
    gate.cut()
    wait_until(lambda: fleet.http.get("/readyz").status == 503, 20, "it to be noticed")
    checks = doctor(fleet)
    assert checks["redis.reachable"]["status"] == "fail" and "postgres.reachable" in checks and "redis.memory" not in checks
    gate.mend()
    wait_until(lambda: status_of(doctor(fleet), "redis.reachable") == ["ok"], 20, "it to be back")
    gate.close()


def test_with_postgres_away(slow_api):
    fleet, gate = slow_api
    assert status_of(doctor(fleet), "postgres.reachable") == ["ok"]
    gate.cut()
    wait_until(lambda: fleet.http.get("/readyz").status == 503, 20, "it to be noticed")
    reply = fleet.http.get("/api/doctor")    # who asks is known: the bootstrap token needs no look into the database
    checks = looked_at(reply)
    assert checks["postgres.reachable"]["status"] == "fail" and "workers.alive" not in checks and checks["redis.reachable"]["status"] == "ok"


@pytest.mark.parametrize("options, name, status, part", [
    (("--maxmemory-policy", "allkeys-lru", "--appendonly", "yes"), "redis.eviction", "warn", "allkeys-lru"),
    (("--appendonly", "yes"), "redis.persistence", "ok", "on disk"),
    ((), "redis.persistence", "warn", "keeps nothing on disk"),
    (("--maxmemory", "1200kb"), "redis.memory", "warn", "of 1 MiB"),
])
def test_how_redis_is_kept(make_own_fleet, tmp_path, options, name, status, part):
    server = SpareRedis(tmp_path / "redis", *options)
    try:
        fleet = make_own_fleet(env={"WAVEFLEET_REDIS_URL": server.url})
        check = doctor(fleet)[name]
        assert (check["status"], part in check["detail"]) == (status, True), check
    finally:
        server.close()


def test_a_redis_that_tells_nothing_of_itself(make_own_fleet, tmp_path):
    server = SpareRedis(tmp_path / "redis")
    server.client.execute_command("ACL", "SETUSER", "default", "-info")
    try:
        checks = doctor(make_own_fleet(env={"WAVEFLEET_REDIS_URL": server.url}))
        assert status_of(checks, "redis.reachable", "redis.rights", "redis.eviction", "clock.redis") == ["ok", "warn", None, "ok"]
    finally:
        server.close()


def test_two_installations_on_the_same_keys(make_own_fleet):
    """Each would take ids of the other: both are told, in their logs, too, until one of them is gone."""
    one = make_own_fleet(workers=1)
    assert "WAVEFLEET_REDIS_PREFIX" not in one.env
    other = make_own_fleet(api=False)
    other.env["WAVEFLEET_REDIS_URL"] = one.place.redis_url
    other.start_api()
    other.start_workers(1)

    def about(fleet):
        return doctor(fleet)["redis.installations"]

    for me, whom in ((one, other), (other, one)):
        database = whom.sql.value("SELECT current_database()")
        shared = wait_until(lambda: about(me) if about(me)["status"] == "fail" else None, 20, "the doctor to see it")
        assert f" {database} " in shared["detail"] and "wavefleet:" in shared["detail"] and "redis.prefix" in shared["mend"], shared
        told = wait_until(lambda: me.log_events("redis.shared"), 20, "the log to tell it")
        assert told[0]["with"].startswith(f"{database} ") and told[0]["prefix"] == "wavefleet:"
    time.sleep(2)
    assert [len(f.log_events("redis.shared")) for f in (one, other)] == [1, 1], "told again and again"
    other.workers[0].stop()
    other.forget(other.workers[0])
    wait_until(lambda: about(one)["status"] == "ok" and one.log_events("redis.alone"), 40, "it to be over")


def test_check_tells_the_same(fleet):
    done = fleet.run("wavefleet-api", "--check")
    assert done.returncode == 0 and "webhooks are sent to" in done.stdout, done.stdout
    done = fleet.run("wavefleet-api", "--check", WAVEFLEET_SECRET_KEY="", WAVEFLEET_PUBLIC_URL="http://0.0.0.0:80")
    assert done.returncode == 0 and "auth.secret_key is not set" in done.stdout and "openssl rand" in done.stdout
    assert "stands for any address" in done.stdout
    done = fleet.run("wavefleet-api", "--check", WAVEFLEET_HTTP_SPOOL_DIR="/nowhere")
    assert done.returncode == 1 and "/nowhere" in done.stdout


# ---- readiness ----

def test_a_wave_that_runs(fleet):
    wave = fleet.submit("fine", ["a", "b"], params={"sleep_ms": 20_000}, batch_size=2)
    checks = ready(fleet, wave)
    assert status_of(checks, "wave.state", "kind.params", "queue.paused", "workers.alive", "workers.runners", "redis") == ["ok"] * 6
    assert fleet.http.get(f"/api/waves/{wave}/readiness").data["ok"] is True
    fleet.http.post(f"/api/waves/{wave}/pause", {})
    wait_until(lambda: ready(fleet, wave)["wave.state"]["status"] == "warn", 10, "the pause to be seen")
    fleet.http.post(f"/api/waves/{wave}/stop", {})
    wait_until(lambda: "ended" in ready(fleet, wave)["wave.state"]["detail"], 20, "its end")
    assert_problem(fleet.http.get(f"/api/waves/{ABSENT}/readiness"), 404)
    assert_problem(fleet.http.get("/api/waves/none/readiness"), 404)


def test_who_would_run_it(fleet):
    lonely = fleet.submit("lonely", ["a"], queue="lonely")
    checks = ready(fleet, lonely)
    assert checks["workers.alive"]["status"] == "fail" and "queue lonely" in checks["workers.alive"]["detail"]
    wide = fleet.submit("wide", [f"w{i}" for i in range(50)], batch_size=40, start_at="2035-01-01T00:00:00Z")
    checks = ready(fleet, wide)
    assert checks["workers.runners"]["status"] == "warn" and "40 may run" in checks["workers.runners"]["detail"]
    assert checks["wave.start"]["status"] == "ok" and "2035-01-01" in checks["wave.start"]["detail"]
    fleet.http.post("/api/queues/default/pause", {})
    wait_until(lambda: ready(fleet, wide)["queue.paused"]["status"] == "fail", 10, "the pause to be seen")
    fleet.http.post("/api/queues/default/resume", {})
    for w in (lonely, wide):
        fleet.http.post(f"/api/waves/{w}/stop", {})


def test_what_it_waits_for(fleet):
    first = fleet.submit("first", ["a"], queue="lonely")
    second = fleet.submit("second", ["a", "b"], depends_on=[first], canary=1)
    checks = ready(fleet, second)
    assert checks["wave.depends_on"]["status"] == "warn" and first in checks["wave.depends_on"]["detail"]
    assert checks["wave.canary"]["detail"].startswith("the first 1 run alone")
    fleet.http.post(f"/api/waves/{second}/stop", {})
    fleet.http.post(f"/api/waves/{first}/stop", {})


def test_a_wave_that_was_reset_is_started_by_nobody(fleet):
    wave = fleet.wave_and_wait("reset", ["a"])
    assert fleet.http.post(f"/api/waves/{wave}/reset-status", {}).status == 200
    assert ready(fleet, wave)["wave.start"]["status"] == "warn"


def test_what_kind_command_needs(fleet):
    wave = fleet.submit("program", ["a"], kind="command", params={"argv": ["/usr/bin/env"]}, start_at="2035-01-01T00:00:00Z")
    assert "/usr/bin/env" in ready(fleet, wave)["command.allow"]["detail"]


def test_what_kind_remote_needs(make_own_fleet, migration_server):
    fleet = make_own_fleet(workers=1, env={**QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url})
    later = {"kind": "remote", "workspace_id": 77, "start_at": "2035-01-01T00:00:00Z"}
    bare = fleet.submit("bare", targets(["a", "b", "c"], 1), **later)
    checks = ready(fleet, bare)
    assert checks["remote.source"]["status"] == "fail" and checks["remote.source"]["detail"].startswith("3 projects")
    well = lambda: status_of(ready(fleet, bare), "remote.brizy", "migration_server.reachable", "migration_server.webhooks")
    wait_until(lambda: well() == ["ok", "ok", "ok"], 20, "the servers to answer")
    own = fleet.submit("own", [{**t, "params": {"mb_site_id": 1, "mb_secret": "x"}} if t["mb_project_uuid"] != "b" else t for t in targets(["a", "b"], 11)], **later)
    assert ready(fleet, own)["remote.source"]["detail"].startswith("1 projects")
    store_secret(fleet)
    for wave in (bare, own):
        assert wait_until(lambda w=wave: ready(fleet, w)["remote.source"]["status"] == "ok", 10, "the stored ones to be seen")
    keyless = fleet.start_api(WAVEFLEET_SECRET_KEY="")
    assert looked_at(keyless.http.get(f"/api/waves/{bare}/readiness"))["remote.secret_key"]["status"] == "fail"
    secret = fleet.submit("with a long secret", targets(["z"], 21), params={"mb_site_id": 1, "mb_secret": "s" * 1000}, **later)
    reply = fleet.http.get(f"/api/waves/{secret}/readiness")
    assert status_of(looked_at(reply), "kind.params") == ["ok"] and "sss" not in str(reply) and "sealed:" not in str(reply)
