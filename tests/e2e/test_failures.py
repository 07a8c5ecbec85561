"""Whatever is killed, stopped, cut or flushed in the middle of a wave: the wave
completes, and every project is settled once."""

import contextlib
import http.client
import os
import signal
import threading
import time
from collections import defaultdict

import pytest

from gate import Gate
from held import held
from invariants import snapshot
from stack import moved_to, server_address
from wavefleet import HERE, SLOW, assert_problem, descendants_of, wait_until

FORKER = HERE / "forking_body.py"
PYTHON, SHELL = "/usr/bin/python3", "/bin/sh"


def names(count):
    return [f"project-{i:04d}" for i in range(count)]


def done(fleet, wave):
    s = snapshot(fleet.sql, wave)
    return s["completed"] + s["failed"]


def wait_done(fleet, wave, count):
    wait_until(lambda: done(fleet, wave) >= count, 30, f"{count} settled", every_s=0.01)


def completes(fleet, wave, deadline_s=45):
    assert fleet.wait_wave(wave, deadline_s) == "completed", [m["error"] for m in fleet.migrations(wave).values() if m["error"]]
    s = fleet.check_wave(wave, "completed", clean_within_s=15)
    assert s["completed"] == s["total"]


# ---- kill -9 ----

def test_kill_a_runner(make_own_fleet):
    fleet = make_own_fleet(workers=1, concurrency=4, env={"WAVEFLEET_RETRY_CRASH_BUDGET": "3"})
    wave = fleet.submit("runner", names(40), batch_size=4, params={"sleep_ms": 150})
    for settled in (4, 12, 20):
        wait_done(fleet, wave, settled)
        runners = fleet.workers[0].children()
        os.kill(runners[settled % len(runners)], signal.SIGKILL)
    completes(fleet, wave)
    classes = [r["class"] for r in fleet.sql.rows("SELECT class::text FROM attempts WHERE class IS NOT NULL")]
    assert set(classes) <= {"crashed"}, classes
    wait_until(lambda: len(fleet.workers[0].children()) >= 4, 10, "the runners replaced")


def test_a_poison_pill_does_not_tour_the_fleet(make_own_fleet):
    """A body that takes its runner with it each time is dead soon, with a reason."""
    fleet = make_own_fleet(workers=1, concurrency=2, env={"WAVEFLEET_COMMAND_ALLOW": SHELL})
    wave = fleet.submit("poison", ["pill"], "command", max_attempts=50, params={"argv": [SHELL, "-c", "sleep 60"]})
    row = lambda: fleet.migrations(wave)["pill"]

    def kill_with_body():
        for runner in fleet.workers[0].children():
            if descendants_of(runner):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(runner, signal.SIGKILL)
        return row()["state"] == "failed"
    wait_until(kill_with_body, 40, "dead", every_s=0.2)
    assert row()["class"] == "crashed" and row()["attempt"] <= 4 and row()["error"], row()
    fleet.wait_wave(wave, until=("error",))
    fleet.check_wave(wave, "error")


def test_kill_a_worker(make_own_fleet):
    fleet = make_own_fleet(workers=2, concurrency=4, env={"WAVEFLEET_COMMAND_ALLOW": SHELL})
    lasting = fleet.submit("lasts as long as its worker", ["lasting"], "command", params=first_lasts("60"))
    wave = fleet.submit("worker", names(60), batch_size=7, params={"sleep_ms": 400})
    wait_done(fleet, wave, 10)
    victim_id = wait_until(lambda: running_on(fleet, lasting), 20, "the lasting body")
    victim = next(w for w in fleet.workers if fleet.worker_id(w) == victim_id)
    victim.kill()
    fleet.forget(victim)
    completes(fleet, wave)
    completes(fleet, lasting)
    lost = fleet.sql.rows("SELECT * FROM attempts WHERE outcome = 'lost'")
    assert lost and all(a["worker_id"] == victim_id and a["class"] == "lost" for a in lost), lost
    spent = fleet.sql.value("SELECT count(*) FROM migrations WHERE spent > 1")
    assert spent == 0, "a worker that died spends no attempt"


def first_lasts(seconds):
    """Parameters of a body whose first attempt lasts so long."""
    return {"argv": [SHELL, "-c", 'test "$2" -ge 2 || sleep "$1"', "sh", seconds, "{attempt}"]}


def running_on(fleet, wave):
    return fleet.sql.value("SELECT worker_id FROM migrations JOIN waves w USING (wave_no) "
                           "WHERE w.wave_id = %s AND migrations.state = 'running'", wave)


def test_kill_every_worker_and_start_one(make_own_fleet):
    fleet = make_own_fleet(workers=2, concurrency=4, env={"WAVEFLEET_COMMAND_ALLOW": SHELL})
    projects = [{"project": n, "params": {"s": "60" if i == 7 else "0.1"}} for i, n in enumerate(names(40))]
    wave = fleet.submit("all", projects, "command", batch_size=8, params=first_lasts("{params.s}"))
    wait_done(fleet, wave, 8)
    for victim in list(fleet.workers):
        victim.kill()
        fleet.forget(victim)
    assert snapshot(fleet.sql, wave)["state"] == "running"
    fleet.start_worker(concurrency=8)
    completes(fleet, wave)


def test_kill_the_api(make_own_fleet, tmp_path):
    fleet = make_own_fleet(workers=1, env={"WAVEFLEET_COMMAND_ALLOW": SHELL})
    wave = fleet.submit("api", names(40), "command", batch_size=4, params=held(tmp_path))
    wait_until(lambda: snapshot(fleet.sql, wave)["running"] == 4, 20, "four to run")
    api = fleet.api
    api.kill()
    fleet.forget(api)
    (tmp_path / "go").touch()
    wait_until(lambda: done(fleet, wave) > 10, 20, "the workers go on without it")
    fleet.start_api()
    completes(fleet, wave)


def test_kill_the_api_while_it_takes_a_wave(make_own_fleet):
    """Either the wave is there, whole, and completes, or nothing of it is."""
    fleet = make_own_fleet(workers=1, concurrency=8)
    for i, after_s in enumerate((0.0, 0.005, 0.01, 0.02, 0.04, 0.08)):
        body = {"name": f"torn {i}", "kind": "noop", "project_uuids": names(3000), "batch_size": 10000}
        thread = threading.Thread(target=post_and_forget, args=(fleet, body))
        thread.start()
        time.sleep(after_s)     # the moment of the kill is the parameter of this test
        api = fleet.api
        api.kill()
        fleet.forget(api)
        thread.join()
        fleet.start_api()
    waves = fleet.sql.rows("SELECT wave_id, total FROM waves")
    assert all(w["total"] == 3000 for w in waves), waves
    for w in waves:
        completes(fleet, w["wave_id"])
    orphans = fleet.sql.value("SELECT count(*) FROM migrations WHERE wave_no NOT IN (SELECT wave_no FROM waves)")
    assert orphans == 0


def post_and_forget(fleet, body):
    """A POST whose answer may never come."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        fleet.http.post("/api/waves", body)


# ---- FLUSHALL ----

def test_flushall(make_own_fleet):
    fleet = make_own_fleet(workers=2, concurrency=4)
    waves = [fleet.submit(f"flush {i}", names(60), batch_size=5, params={"sleep_ms": 50}) for i in range(2)]
    for settled in (5, 25, 45):
        wait_done(fleet, waves[0], settled)
        fleet.redis.flushall()
    for wave in waves:
        completes(fleet, wave)


def test_flushall_and_a_dead_worker(make_own_fleet):
    fleet = make_own_fleet(workers=2, concurrency=4)
    wave = fleet.submit("both", names(60), batch_size=8, params={"sleep_ms": 80})
    wait_done(fleet, wave, 10)
    fleet.redis.flushall()
    victim = fleet.workers[0]
    victim.kill()
    fleet.forget(victim)
    completes(fleet, wave)


def test_old_depths_of_queues_that_others_serve(make_own_fleet):
    """What stands in Redis from before is put right also where the leader does not serve that queue itself."""
    fleet = make_own_fleet(workers=1, concurrency=2)
    wait_until(lambda: "reconciler.leading" in fleet.workers[0].text(), 20, "a leader")
    fleet.start_worker(2, WAVEFLEET_WORKER_QUEUES="heavy")
    fleet.redis.set("wavefleet:depth:heavy", 7)
    fleet.redis.sadd("wavefleet:demand:heavy", 123456789)
    wait_until(lambda: fleet.redis.get("wavefleet:depth:heavy") == "0", 15, "depth:heavy back to 0")
    wait_until(lambda: not fleet.redis.exists("wavefleet:demand:heavy"), 15, "demand:heavy empty")


def test_flushall_with_retries_waiting(make_own_fleet):
    """They wait up to a day: what PostgreSQL knows of it comes back to Redis, and is done when its time has come."""
    day = "86400000"
    fleet = make_own_fleet(workers=1, concurrency=4, env={
        "WAVEFLEET_COMMAND_ALLOW": SHELL, "WAVEFLEET_RETRY_BASE_MS": day, "WAVEFLEET_RETRY_CAP_MS": day})
    wave = fleet.submit("retries", names(8), "command", batch_size=4,
                        params={"argv": [SHELL, "-c", 'test "$1" -ge 2 || exit 75', "sh", "{attempt}"]})
    count = lambda: sum(m["state"] == "retrying" for m in fleet.migrations(wave).values())
    waiting = lambda: fleet.redis.zcard("wavefleet:delayed") >= 7     # a day may be short, but not for two of them
    wait_until(lambda: count() >= 7 and waiting(), 15, "retries waiting")
    fleet.redis.flushall()
    wait_until(waiting, 15, "them in Redis again")
    fleet.sql.execute("UPDATE active SET due_at = now() WHERE state = 'retrying'")
    completes(fleet, wave)


# ---- a worker that is stopped, not dead ----

def lives(folder):
    """attempt -> (first, last) moment of its life, by project, from the traces of body.py."""
    found = defaultdict(dict)
    for trace in folder.glob("*.trace"):
        for line in trace.read_text().splitlines():
            project, attempt, _, at = line.split()
            first, last = found[project].get(int(attempt), (float(at), float(at)))
            found[project][int(attempt)] = (min(first, float(at)), max(last, float(at)))
    return found


def assert_no_two_lived_at_once(folder):
    for project, attempts in lives(folder).items():
        ordered = [attempts[a] for a in sorted(attempts)]
        for (_, end), (begin, _) in zip(ordered, ordered[1:]):
            assert end <= begin, f"two bodies of {project} lived at the same time: {attempts}"


def test_a_frozen_worker_is_fenced(make_own_fleet, tmp_path):
    """SIGSTOP for longer than the lease: its bodies end by themselves, others take over,
    and what it says after SIGCONT changes nothing."""
    tmp_path.chmod(0o777)
    fleet = make_own_fleet(workers=2, concurrency=3, env={"WAVEFLEET_COMMAND_ALLOW": PYTHON, "WAVEFLEET_WORKER_LEASE_MS": "2000"})
    argv = [PYTHON, str(HERE / "body.py"), str(tmp_path), "{project}", "{attempt}", "1200"]
    wave = fleet.submit("frozen", names(18), "command", batch_size=6, params={"argv": argv})
    wait_done(fleet, wave, 3)
    frozen = fleet.workers[0]
    frozen_id = fleet.worker_id(frozen)
    frozen.signal(signal.SIGSTOP)
    alive = lambda: fleet.sql.value("SELECT alive FROM workers WHERE worker_id = %s", frozen_id)
    wait_until(lambda: not alive(), 20, "the frozen worker declared dead")
    frozen.signal(signal.SIGCONT)
    completes(fleet, wave, 60)
    assert_no_two_lived_at_once(tmp_path)
    wait_until(lambda: fleet.worker_id(frozen) not in (None, frozen_id), 15, "a new identity")


def test_kill_worker_no_two_bodies(make_own_fleet, tmp_path):
    """The bodies of a killed worker end with it, before anybody starts them again."""
    tmp_path.chmod(0o777)
    fleet = make_own_fleet(workers=2, concurrency=3, env={"WAVEFLEET_COMMAND_ALLOW": PYTHON})
    argv = [PYTHON, str(HERE / "body.py"), str(tmp_path), "{project}", "{attempt}", "700"]
    wave = fleet.submit("no two", names(18), "command", batch_size=6, params={"argv": argv})
    wait_done(fleet, wave, 3)
    victim = fleet.workers[0]
    victim.kill()
    fleet.forget(victim)
    completes(fleet, wave, 60)
    assert_no_two_lived_at_once(tmp_path)


@pytest.mark.parametrize("what", ["stopped", "killed"])
def test_kill_worker_above_a_runner_that_cannot_watch(make_own_fleet, tmp_path, what):
    """A runner that is stopped, or has just been killed, does not end its body when its supervisor dies: the
    other runners of the worker do, before anybody starts it again."""
    tmp_path.chmod(0o777)
    fleet = make_own_fleet(workers=1, concurrency=3, env={"WAVEFLEET_COMMAND_ALLOW": f"{PYTHON},{FORKER}"})
    argv = [str(FORKER), str(tmp_path), "{project}", "{attempt}", "4000"]
    wave = fleet.submit("no watchdog", names(1), "command", batch_size=6, params={"argv": argv})
    wait_until(lambda: lives(tmp_path), 20, "the body")
    victim = fleet.workers[0]
    runner = wait_until(lambda: next(iter(p for p in victim.children() if len(descendants_of(p)) == 2), None), 10,
                        "the body's runner, with its program and the program's child")
    victim.signal(signal.SIGSTOP)
    os.kill(runner, signal.SIGSTOP if what == "stopped" else signal.SIGKILL)
    victim.kill()
    fleet.forget(victim)
    fleet.start_worker(3)
    completes(fleet, wave, 60)
    with contextlib.suppress(ProcessLookupError):
        os.kill(runner, signal.SIGCONT)
    assert_no_two_lived_at_once(tmp_path)


def test_what_a_body_left_is_fenced_too(make_own_fleet, tmp_path):
    """A body ends while its supervisor stands still, and leaves a child: it does not outlive the lease."""
    tmp_path.chmod(0o777)
    fleet = make_own_fleet(workers=1, concurrency=3, env={"WAVEFLEET_COMMAND_ALLOW": FORKER})
    argv = [str(FORKER), str(tmp_path), "{project}", "{attempt}", "9000", "1500"]
    wave = fleet.submit("leftovers", names(1), "command", batch_size=6, params={"argv": argv})
    wait_until(lambda: lives(tmp_path), 20, "the body")
    stopped = fleet.workers[0]
    stopped.signal(signal.SIGSTOP)
    fleet.start_worker(3)
    completes(fleet, wave, 60)
    stopped.signal(signal.SIGCONT)
    assert_no_two_lived_at_once(tmp_path)


# ---- PostgreSQL and Redis away ----

@pytest.fixture
def gated(make_own_fleet):
    """A fleet whose PostgreSQL and Redis can be taken away: (fleet, {"postgres": gate, "redis": gate})."""
    fleet = make_own_fleet(api=False)
    gates = {"postgres": Gate(server_address(fleet.place.database_url, 5432)),
             "redis": Gate(server_address(fleet.place.redis_url, 6379))}
    fleet.env["WAVEFLEET_DATABASE_URL"] = moved_to(fleet.place.database_url, gates["postgres"].port)
    fleet.env["WAVEFLEET_REDIS_URL"] = moved_to(fleet.place.redis_url, gates["redis"].port)
    fleet.start_api()
    fleet.start_workers(2, 3)
    yield fleet, gates
    for gate in gates.values():
        gate.mend()


def refuses_at_once(fleet, method, path, body=None, within_s=4):
    """Without waiting for a connection, which takes five seconds."""
    begun = time.monotonic()
    reply = fleet.http.request(method, path, body)
    took = time.monotonic() - begun
    assert_problem(reply, 503)
    assert reply.headers["Retry-After"], reply
    assert took < within_s * SLOW, f"503 took {took:.1f} s"


WAVE = {"name": "while away", "kind": "noop", "project_uuids": ["a", "b", "c"]}


@pytest.mark.parametrize("which", ["postgres", "redis"])
def test_server_away(gated, which):
    fleet, gates = gated
    wave = fleet.submit("outage", names(60), batch_size=6, params={"sleep_ms": 60})
    wait_done(fleet, wave, 8)
    gates[which].cut()
    assert fleet.http.get("/livez").status == 200
    wait_until(lambda: fleet.http.get("/readyz").status == 503, 10, "/readyz says so")
    refuses_at_once(fleet, "POST", "/api/waves", WAVE)
    if which == "postgres":
        refuses_at_once(fleet, "GET", "/api/waves")
        refuses_at_once(fleet, "GET", f"/api/waves/{wave}/status")
    assert fleet.sql.value("SELECT count(*) FROM waves WHERE name = %s", WAVE["name"]) == 0, "nothing half-done"
    gates[which].mend()
    wait_until(lambda: fleet.http.get("/readyz").status == 200, 20, "/readyz recovers by itself")
    reply = fleet.http.post("/api/waves", WAVE)
    assert reply.status == 201, reply
    completes(fleet, reply.data["wave_id"])
    completes(fleet, wave)
    assert all(w.alive for w in fleet.workers)


@pytest.mark.parametrize("which", ["postgres", "redis"])
def test_short_cuts_again_and_again(gated, which):
    fleet, gates = gated
    wave = fleet.submit("flicker", names(60), batch_size=6, params={"sleep_ms": 60})
    for settled in (4, 12, 20, 28, 36):
        wait_done(fleet, wave, settled)
        gates[which].cut()
        gates[which].mend()
    completes(fleet, wave)


@pytest.mark.parametrize("which", ["postgres", "redis"])
def test_server_that_stalls(gated, which):
    """Connections stay and say nothing for a while: the wave completes all the same."""
    fleet, gates = gated
    wave = fleet.submit("stall", names(40), batch_size=6, params={"sleep_ms": 60})
    wait_done(fleet, wave, 8)
    gates[which].stall()
    time.sleep(1.5)     # the length of the stall is the parameter of this test
    gates[which].mend()
    completes(fleet, wave)


def test_sigterm_while_postgres_says_nothing(make_own_fleet, tmp_path):
    """A worker that cannot write what its bodies did, nor leave, says so and ends with 1."""
    fleet = make_own_fleet(api=False, env={"WAVEFLEET_WORKER_LEASE_MS": "2000", "WAVEFLEET_COMMAND_ALLOW": SHELL})
    gate = Gate(server_address(fleet.place.database_url, 5432))
    api = fleet.start_api()
    worker = fleet.start_worker(3, WAVEFLEET_DATABASE_URL=moved_to(fleet.place.database_url, gate.port))
    wave = fleet.submit("unsettled", names(6), "command", batch_size=3, params=held(tmp_path))
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM active") == 3, 20, "three to run")
    gate.stall()
    (tmp_path / "go").touch()
    wait_until(lambda: "its lease ran out" in worker.text(), 20, "its lease to run out")
    worker.signal(signal.SIGTERM)
    assert worker.process.wait(20 * SLOW) == 1, worker.tail()
    worker.expected_exit = 1
    assert "worker.unsettled" in worker.text()
    gate.mend()
    assert api.alive
    fleet.start_worker(3)
    completes(fleet, wave, 60)


def test_former_identities_are_given_up_at_once(make_own_fleet, tmp_path):
    """PostgreSQL was away for longer than the lease, so that a worker could not say that its former self is dead:
    it does when PostgreSQL is back, and nobody waits for a lease."""
    fleet = make_own_fleet(api=False, env={"WAVEFLEET_COMMAND_ALLOW": SHELL})
    gate = Gate(server_address(fleet.place.database_url, 5432))
    fleet.start_api()
    worker = fleet.start_worker(3, WAVEFLEET_DATABASE_URL=moved_to(fleet.place.database_url, gate.port))
    wave = fleet.submit("outlived", names(6), "command", batch_size=3, params=held(tmp_path))
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM active") == 3, 20, "three to run")
    former = wait_until(lambda: fleet.worker_id(worker), 20, "its identity")
    gate.cut()
    (tmp_path / "go").touch()
    wait_until(lambda: "its lease ran out" in worker.text(), 20, "its lease to run out")
    wait_until(lambda: "reap.failed" in worker.text(), 20, "it to fail to say so")
    gate.mend()
    completes(fleet, wave, 60)
    assert fleet.sql.value("SELECT end_reason FROM workers WHERE worker_id = %s", former) == "former"


def test_a_former_identity_that_somebody_else_gave_up(make_own_fleet):
    """A worker comes back from a long cut, and others have declared its former self dead: it ends with 0 when
    it is told to, since nothing of it is unsettled."""
    fleet = make_own_fleet(api=False)
    gate = Gate(server_address(fleet.place.database_url, 5432))
    fleet.start_api()
    worker = fleet.start_worker(3, WAVEFLEET_DATABASE_URL=moved_to(fleet.place.database_url, gate.port))
    fleet.start_worker(3)
    former = wait_until(lambda: fleet.worker_id(worker), 20, "its identity")
    gate.cut()
    wait_until(lambda: not fleet.sql.value("SELECT alive FROM workers WHERE worker_id = %s", former), 30, "it declared dead")
    wait_until(lambda: "reap.failed" in worker.text(), 20, "it to fail to say so itself")
    gate.mend()
    wait_until(lambda: fleet.worker_id(worker) not in (None, former), 20, "a new identity")
    renewed = "SELECT count(*) FROM workers WHERE pid = %s AND alive AND beat >= 3"
    wait_until(lambda: fleet.sql.value(renewed, worker.pid), 20, "renewals")
    worker.signal(signal.SIGTERM)
    worker.expected_exit = 0
    assert worker.process.wait(20 * SLOW) == 0, worker.tail()


def test_programs_started_before_their_servers(make_own_fleet):
    fleet = make_own_fleet(api=False)
    gates = [Gate(server_address(fleet.place.database_url, 5432)), Gate(server_address(fleet.place.redis_url, 6379))]
    fleet.env["WAVEFLEET_DATABASE_URL"] = moved_to(fleet.place.database_url, gates[0].port)
    fleet.env["WAVEFLEET_REDIS_URL"] = moved_to(fleet.place.redis_url, gates[1].port)
    for gate in gates:
        gate.cut()
    api = fleet.start_api(ready=False)
    worker = fleet.start_worker(2, ready=False)
    wait_until(lambda: fleet.http.get("/livez", timeout_s=2).status == 200, 15, "/livez without any server")
    assert fleet.http.get("/readyz").status == 503
    for gate in gates:
        gate.mend()
    fleet.wait_ready(api, 30)
    fleet.wait_worker(worker, 30)
    fleet.install_watch()
    completes(fleet, fleet.submit("late servers", names(5)))
