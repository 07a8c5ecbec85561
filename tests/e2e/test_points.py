"""Every fault point of common/base/fault.def: a process dies there, others go on, and nothing is
lost, settled twice or left over. The scenarios (points.py) run side by side, and each is a test here. Needs a build with FAULTS=1 (make FAULTS=1 check-points)."""

import os
import re

import pytest

import points
import points_api  # noqa: F401
import points_remote  # noqa: F401
import points_steering  # noqa: F401
import points_worker  # noqa: F401
from lanes import Lanes
from remote_setup import QUICK_REMOTE, store_secret
from stack import ROOT
from wavefleet import BIN

PROGRAMS = ("wavefleet-api", "wavefleet-worker", "wavefleet")


def has_faults(path):
    return b"WAVEFLEET_FAULTS" in path.read_bytes()


needs_faults = pytest.mark.skipif(not (BIN / "wavefleet-worker").exists() or not has_faults(BIN / "wavefleet-worker"),
                                  reason="the programs are built without FAULTS=1")


@pytest.fixture(scope="module")
def lanes(request, stack, migration_server, brizy):
    """Runs the cases whose tests were chosen."""
    chosen = [i.callspec.params["case"] for i in request.session.items if i.module is request.module and hasattr(i, "callspec")]
    env = {**QUICK_REMOTE, "WAVEFLEET_WORKER_LEASE_MS": "3000", "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url, "WAVEFLEET_BRIZY_URL": brizy.url,
           "WAVEFLEET_BRIZY_TOKEN": brizy.app.token}
    migration_server.app.control({"webhook_gaps_ms": [300, 600, 1000, 1000]})
    servers = points.Servers(migration_server.app, brizy.app)
    cases = {name: points.run_case(name, servers) for name in chosen}

    def prepare(lane):
        lane.fleet.start_api()
        store_secret(lane.fleet)
    with Lanes(stack, cases, env, prepare, int(os.environ.get("WAVEFLEET_LANES", "0"))) as running:
        yield running


@needs_faults
@pytest.mark.parametrize("case", points.SCENARIOS)
def test_point(lanes, case):
    lanes.result(case)


def test_every_point_has_a_scenario():
    assert points.POINTS and len(set(points.POINTS)) == len(points.POINTS)
    having = {point for point, _ in points.SCENARIOS.values()}
    assert having == set(points.POINTS), having ^ set(points.POINTS)


def test_a_build_for_use_has_none_of_it():
    """Neither the names nor the variable that arms them."""
    words = {w.encode() for w in ("WAVEFLEET_FAULTS", "fault.point", *points.POINTS)}
    programs = [p for p in (ROOT / "build/bin" / name for name in PROGRAMS) if p.exists()]
    found = {p.name: words & set(re.findall(rb"[\w.]+", p.read_bytes())) for p in programs}
    assert found and not any(found.values()), found
