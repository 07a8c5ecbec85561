"""A new release beside the previous one on the same data: the schema is brought
forward under running programs, old workers are drained one after the other, and
waves go on all the while, whoever took them. And back again."""

import threading
import time

import pytest

import previous
from held import held
from invariants import snapshot
from test_failures import assert_no_two_lived_at_once
from wavefleet import HERE, SLOW, wait_until

PYTHON = "/usr/bin/python3"
GRACE_S = 1
PAUSE_S = 4     # at most so long no outcome is settled while bodies of 0.15 s are waiting


@pytest.fixture(scope="module")
def old():
    return previous.programs()


@pytest.fixture
def fleet(make_own_fleet, tmp_path):
    tmp_path.chmod(0o777)
    return make_own_fleet(api=False, watched=False,
                          env={"WAVEFLEET_COMMAND_ALLOW": f"{PYTHON},/bin/sh", "WAVEFLEET_WORKER_LEASE_MS": "6000",
                               "WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS": str(GRACE_S * 1000)})


def start_new_api(fleet):
    """The witness in the database needs the new schema; it has seen what ended after it came."""
    api = fleet.start_api()
    fleet.watched = True
    fleet.install_watch()
    fleet.witness_since = now(fleet)
    return api


def check(fleet, wave, expected="completed"):
    ended_at = fleet.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave)
    fleet.watch_installed = ended_at > fleet.witness_since
    fleet.check_wave(wave, expected, clean_within_s=15)


def names(count):
    return [f"project-{i:03d}" for i in range(count)]


def submit(api, name, count=12, kind="noop", **fields):
    body = {"name": name, "kind": kind, "project_uuids": names(count), "batch_size": 4, "max_attempts": 1, **fields}
    reply = api.http.post("/api/waves", body, timeout_s=30)
    assert reply.status == 201, f"{api.name} refused {name}: {reply}"
    return reply.data["wave_id"]


def traced(folder, lasts_ms):
    return {"argv": [PYTHON, str(HERE / "body.py"), str(folder), "{project}", "{attempt}", str(lasts_ms)]}


class Feeder(threading.Thread):
    """Submits one wave after the other to the APIs in turn, as a load balancer would."""

    def __init__(self, fleet, *apis):
        super().__init__(daemon=True)
        self.fleet, self.apis, self.waves, self.error = fleet, list(apis), [], None
        self.lock, self.done = threading.Lock(), threading.Event()

    def run(self):
        try:
            while not self.done.wait(0.3):
                with self.lock:
                    api = self.apis[len(self.waves) % len(self.apis)]
                    self.waves.append(submit(api, f"fed {len(self.waves)} by {api.name}", params={"sleep_ms": 150}))
        except BaseException as e:      # shown by close(), in the test's own thread
            self.error = e

    def send_to(self, *apis):
        with self.lock:
            self.apis = list(apis)

    def close(self):
        self.done.set()
        self.join(60)
        assert self.error is None, f"a wave was not taken: {self.error!r}"
        return self.waves


def goes_on(fleet, what, more=8):
    count = lambda: fleet.sql.value("SELECT count(*) FROM attempts")
    before = count()
    wait_until(lambda: count() >= before + more, 20, f"the waves go on after {what}")


def drain(fleet, worker):
    """SIGTERM: it ends well, within its grace and what settling takes."""
    worker_id = fleet.worker_id(worker)
    begun = time.monotonic()
    assert worker.stop() is None
    took = time.monotonic() - begun
    assert took < GRACE_S + 4 * SLOW, f"{worker.name} took {took:.1f} s"
    fleet.forget(worker)
    left = fleet.sql.row("SELECT alive, end_reason FROM workers WHERE worker_id = %s", worker_id)
    assert left == {"alive": False, "end_reason": "left"}, left


def end_api(fleet, api):
    assert api.stop() is None
    fleet.forget(api)


def check_attempts_of_all(fleet):
    """Nothing ran twice at once, nothing that was handed back was spent, and nothing was lost."""
    overlaps = fleet.sql.rows("""SELECT a.migration_id, a.attempt, b.started_at - a.finished_at AS gap
        FROM attempts a JOIN attempts b ON b.migration_id = a.migration_id AND b.attempt > a.attempt
        WHERE b.started_at < a.finished_at LIMIT 3""")
    assert not overlaps, overlaps
    outcomes = {r["outcome"]: r["n"] for r in fleet.sql.rows("SELECT outcome, count(*) AS n FROM attempts GROUP BY 1")}
    assert set(outcomes) <= {"completed", "handed_back"}, outcomes
    assert fleet.sql.value("SELECT count(*) FROM migrations WHERE spent <> 0 OR crashes <> 0") == 0
    return outcomes


def longest_pause(fleet, since, until):
    return fleet.sql.value("""SELECT coalesce(max(gap), 0) FROM (
        SELECT extract(epoch FROM finished_at - lag(finished_at) OVER (ORDER BY finished_at))::float8 AS gap
        FROM attempts WHERE finished_at BETWEEN %s AND %s) g""", since, until)


def now(fleet):
    return fleet.sql.value("SELECT clock_timestamp()")


def schema_version(fleet):
    return fleet.sql.value("SELECT max(version) FROM schema_versions")


def test_a_new_release_beside_the_old_one(fleet, old, tmp_path):
    old_api = fleet.start_api(programs=old)
    old_workers = [fleet.start_worker(4, programs=old) for _ in range(2)]
    bodies = submit(old_api, "bodies that leave traces", 60, "command", batch_size=5, params=traced(tmp_path, 300))
    long = submit(old_api, "longer than the grace", 2, batch_size=2, params={"sleep_ms": 15000})
    wait_until(lambda: snapshot(fleet.sql, long)["running"] == 2, 20, "long bodies on old workers")
    feeder = Feeder(fleet, old_api)
    feeder.start()
    goes_on(fleet, "the start")
    since = now(fleet)

    new_api = start_new_api(fleet)
    goes_on(fleet, "the new API brought the schema forward")
    feeder.send_to(old_api, new_api)
    new_workers = [fleet.start_worker(4) for _ in range(2)]
    goes_on(fleet, "new workers started beside the old ones")
    short = submit(new_api, "short bodies, claimed ahead by the new ones only", 3000, batch_size=500)

    for worker in old_workers:
        drain(fleet, worker)
        goes_on(fleet, f"{worker.name} was drained")
    until = now(fleet)
    between = submit(old_api, "taken by the old API for new workers", params={"sleep_ms": 20})
    feeder.send_to(new_api)
    end_api(fleet, old_api)
    fleet.http = new_api.http
    after = submit(new_api, "after the old release", params={"sleep_ms": 20})
    goes_on(fleet, "the old API ended")
    fed = feeder.close()

    for wave in (bodies, long, short, between, after, *fed):
        assert fleet.wait_wave(wave, 60) == "completed"
        check(fleet, wave)
    outcomes = check_attempts_of_all(fleet)
    assert outcomes.get("handed_back", 0) >= 1, "no body was longer than the grace: the test shows nothing"
    assert_no_two_lived_at_once(tmp_path)
    pause = longest_pause(fleet, since, until)
    print(f"schema {schema_version(fleet)}, {len(fed) + 5} waves, {outcomes}, longest pause {pause:.2f} s")
    assert pause < PAUSE_S * SLOW, f"for {pause:.1f} s nothing was settled"
    assert all(w.alive for w in new_workers)


def test_back_to_the_old_release_on_the_newer_schema(fleet, old, tmp_path):
    """The programs of the previous release know what they know: waves that use nothing newer."""
    new_api = start_new_api(fleet)
    new_workers = [fleet.start_worker(4) for _ in range(2)]
    bodies = submit(new_api, "taken by the new release", 40, "command", batch_size=4, params=traced(tmp_path, 300))
    feeder = Feeder(fleet, new_api)
    feeder.start()
    goes_on(fleet, "the start")

    old_api = fleet.start_api(programs=old)
    old_worker = fleet.start_worker(4, programs=old)
    goes_on(fleet, "an old worker started beside the new ones")
    feeder.send_to(old_api)
    for worker in new_workers:
        drain(fleet, worker)
    end_api(fleet, new_api)
    fleet.http = old_api.http
    goes_on(fleet, "the new release is gone")

    resumed = submit(old_api, "paused and resumed", 20, "command", params=held(tmp_path))
    assert old_api.http.post(f"/api/waves/{resumed}/pause", {}).data["state"] == "paused"
    assert old_api.http.post(f"/api/waves/{resumed}/resume", {}).data["state"] == "running"
    (tmp_path / "go").touch()
    halted = submit(old_api, "stopped", 20, "command", params=held(tmp_path, go="never"))
    assert old_api.http.post(f"/api/waves/{halted}/stop", {}).status == 200
    fed = feeder.close()
    for wave in (bodies, resumed, *fed):
        assert fleet.wait_wave(wave, 60) == "completed"
        check(fleet, wave)
    fleet.wait_wave(halted, until=("stopped",))
    wait_until(lambda: snapshot(fleet.sql, halted)["completed_at"], 15, "the end of the stopped wave")
    check(fleet, halted, "stopped")
    again = old_api.http.post(f"/api/waves/{resumed}/restart-all", {})
    assert_no_two_lived_at_once(tmp_path)
    assert old_worker.alive and again.status < 500, again
