"""What the scenarios of the fault points share. A scenario is a way to pass a point surely, and what
must hold when the process that passed it has died and others go on; they stand in points_worker.py,
points_api.py and points_remote.py.

`@passes("point", …)` registers a scenario for points of common/base/fault.def. It is called with a
`Run`, which starts programs with the point armed, sees that the process died there, and checks the
waves. `@passes("point", variant="by webhook")` gives a point one more scenario.
"""

import contextlib
import http.client
import itertools
import json
import re
import signal

from invariants import snapshot
from stack import ROOT
from wavefleet import wait_until

TABLE = ROOT / "common/base/fault.def"
POINTS = re.findall(r"^FAULT\((\w+),", TABLE.read_text(), re.M)
LEADER = re.search(r"lock\((\d+)\)", (ROOT / "common/store/sql/leader_try.sql").read_text()).group(1)
SCENARIOS = {}      # name of the case -> (point, function)

# What may stand in Redis when nothing is to be done.
KEPT = re.compile(r"wavefleet:(guard|installations|target:.*|rate:.*|depth:.*)$")


def passes(*points, variant=None):
    def register(function):
        for point in points:
            name = point if variant is None else f"{point} {variant}"
            assert name not in SCENARIOS, f"{name} has a scenario already"
            SCENARIOS[name] = (point, function)
        return function
    return register


def names(count):
    return [f"project-{i:04d}" for i in range(count)]


class Run:
    """One case on a lane."""

    def __init__(self, lane, name, point, servers):
        self.fleet, self.name, self.point, self.servers = lane.fleet, name, point, servers
        self.sql, self.redis = self.fleet.sql, self.fleet.redis
        self.api_is_armed = False

    # ---- programs ----

    def armed(self, nth=1, act="kill"):
        return {"WAVEFLEET_FAULTS": f"{self.point}={act}@{nth}"}

    def worker(self, concurrency=4, **env):
        return self.fleet.start_worker(concurrency, **env)

    def victim(self, concurrency=4, nth=1, act="kill", **env):
        return self.fleet.start_worker(concurrency, ready=False, **self.armed(nth, act), **env)

    def armed_api(self, nth=1):
        """In place of the API that runs."""
        self.end(self.fleet.api)
        self.api_is_armed = True
        return self.fleet.start_api(**self.armed(nth))

    def end(self, program):
        complaint = program.stop()
        self.fleet.forget(program)
        assert complaint is None, complaint

    def passing(self, program):
        """The line of the log that says that the point was passed, or None."""
        for line in program.text().splitlines():
            if '"fault.point"' in line and f'"{self.point}"' in line:
                return json.loads(line)
        return None

    def passed(self, program, deadline_s=20):
        def look():
            seen = self.passing(program)
            assert seen or program.alive, f"{program.name} ended without passing {self.point}"
            return seen
        try:
            return wait_until(look, deadline_s, f"{program.name} passing {self.point}")
        except AssertionError as e:
            raise AssertionError(f"{e}\n{program.tail()}") from None

    def dies(self, program, deadline_s=20):
        """The program itself dies at the point."""
        assert self.passed(program, deadline_s)["pid"] == program.pid
        assert program.process.wait(10) == -signal.SIGKILL
        program.expected_exit = -signal.SIGKILL
        self.fleet.forget(program)

    def child_dies(self, program, obituary, deadline_s=20):
        """A child of it dies at the point (runner.died and submit.child_died tell), the program lives."""
        pid = self.passed(program, deadline_s)["pid"]
        assert pid != program.pid
        died = lambda: [e for e in self.fleet.log_events(obituary)
                        if pid in (e.get("runner"), e["pid"]) and e["signal"] == signal.SIGKILL]
        wait_until(died, 10, f"{obituary} of {pid}")
        assert program.alive

    def tidy(self):
        """As it was before: no worker, an API without armed points, and nothing in Redis."""
        for worker in list(self.fleet.workers):
            self.end(worker)
        for api in list(self.fleet.apis) if self.api_is_armed else ():
            self.end(api)
        if not self.fleet.apis:
            self.fleet.start_api()

    @contextlib.contextmanager
    def nobody_leads(self, held=True):
        """Meanwhile waves are judged by those that settle: no pass of a leader does it before the point is there."""
        if held:
            self.sql.execute(f"SELECT pg_advisory_lock({LEADER})")
        try:
            yield
        finally:
            if held:
                self.sql.execute(f"SELECT pg_advisory_unlock({LEADER})")

    # ---- requests ----

    def post(self, path, body=None, **headers):
        """A POST that the API may not survive, as a client sees it: the answer, or None."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.fleet.http.post(path, {} if body is None else body, headers=headers, timeout_s=60)
        return None

    def kills(self, path, body=None, answered=False, **headers):
        """A POST at which the API dies before it answers; `answered`: or afterwards."""
        answer = self.post(path, body, **headers)
        good = answer is None or (answered and answer.status == 200)
        assert good, f"{answer}, from {self.fleet.api.name} on port {self.fleet.api.port}:\n{self.fleet.api.tail()}"
        self.dies(self.fleet.api)

    # ---- waves ----

    def submit(self, projects=24, kind="noop", **fields):
        fields.setdefault("batch_size", 8)
        return self.fleet.submit(self.name, names(projects) if isinstance(projects, int) else projects, kind, **fields)

    def settled(self, wave, count, deadline_s=20):
        done = lambda: sum(snapshot(self.sql, wave)[n] for n in ("completed", "failed", "cancelled"))
        wait_until(lambda: done() >= count, deadline_s, f"{count} settled", every_s=0.01)

    def running(self, wave, count, deadline_s=20):
        wait_until(lambda: snapshot(self.sql, wave)["running"] >= count, deadline_s, f"{count} running", every_s=0.01)

    def ends(self, wave, expected="completed", restarts=0, alone=True):
        """The wave ends as it should, and nothing of it, nor of anything else, is left in Redis."""
        ended = lambda: self.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave)
        assert self.fleet.wait_wave(wave, 40) == expected, [m["error"] for m in self.fleet.migrations(wave).values() if m["error"]][:3]
        wait_until(ended, 20, "the end of what ran in it")
        s = self.fleet.check_wave(wave, expected, restarts, clean_within_s=20)
        assert expected != "completed" or s["completed"] == s["total"], s
        if alone:
            wait_until(self.redis_is_empty, 20, "an empty Redis", every_s=0.1)

    def redis_is_empty(self):
        found = list(self.redis.scan_iter("wavefleet:*", count=500))
        left = [k for k in found if not KEPT.match(k)]
        depths = {k: self.redis.get(k) for k in found if k.startswith("wavefleet:depth:")}
        left += [f"{k} = {v}" for k, v in depths.items() if v not in (None, "0")]
        assert not left, left
        return True

    def wave_no(self, wave):
        return self.sql.value("SELECT wave_no FROM waves WHERE wave_id = %s", wave)

    def key(self, wave, part=""):
        return f"wavefleet:wave:{self.wave_no(wave)}{part}"


class Servers:
    """The fakes that all lanes share."""

    def __init__(self, migration, brizy):
        self.migration, self.brizy = migration, brizy
        self.targets = itertools.count(50_000)

    def target(self):
        return next(self.targets)


def run_case(name, servers):
    """A function of a lane that runs the case."""
    point, scenario = SCENARIOS[name]

    def case(lane):
        run = Run(lane, name, point, servers)
        scenario(run)
        run.tidy()
    return case
