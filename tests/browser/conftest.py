"""The fixtures of the end-to-end tests, and one fleet with people for each file of flows."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
E2E = HERE.parent / "e2e"
sys.path[:0] = [str(HERE), str(E2E), str(HERE.parent / "fakes")]

spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
e2e = importlib.util.module_from_spec(spec)
spec.loader.exec_module(e2e)
stack, make_fleet, migration_server = e2e.stack, e2e.make_fleet, e2e.migration_server

from remote_setup import QUICK_REMOTE, store_secret  # noqa: E402
from stack import ROOT  # noqa: E402
from wavefleet import BIN, SLOW, TOKEN  # noqa: E402

PEOPLE = {"vera": ("viewer", "Vera Viewer"), "oleg": ("operator", "Oleg Operator"), "ada": ("admin", "Ada Admin")}
PASSWORD = "a password for the browser"
BUILT = BIN.parent / "dashboard" / "index.html"
# No flow is about a worker or a server that is away, nor about polls that are faster than webhooks.
PATIENT = {"WAVEFLEET_WORKER_LEASE_MS": "30000", "WAVEFLEET_REMOTE_START_TIMEOUT_MS": "20000",
           "WAVEFLEET_REMOTE_POLL_INITIAL_MS": "4000", "WAVEFLEET_REMOTE_POLL_CAP_MS": "4000"}
SCREENSHOTS = ROOT / "build" / "test-logs" / "screenshots"


def pytest_collection_modifyitems(items):
    """What is not there must fail the run, and say so once."""
    e2e.pytest_collection_modifyitems(items)
    if not BUILT.exists():
        raise pytest.UsageError(f"{BUILT} not found; run make dashboard")
    if not (HERE / "node_modules").exists():
        raise pytest.UsageError(f"no packages in {HERE}; run make check-browser")


def add_people(fleet):
    for name, (role, full_name) in PEOPLE.items():
        subprocess.run([BIN / "wavefleet-api", "user", "create", name, "--role", role, "--full-name", full_name,
                        "--password-stdin"], env=fleet.env, input=PASSWORD + "\n", text=True, check=True,
                       timeout=20 * SLOW, capture_output=True)


@pytest.fixture(scope="session", autouse=True)
def no_old_pictures():
    """Of failures: the others are made anew."""
    for old in SCREENSHOTS.glob("failed-*.png"):
        old.unlink()


@pytest.fixture(scope="module")
def site(make_fleet, migration_server):
    """A fleet with a migration server, a stored secret and people."""
    fleet = make_fleet(workers=1, concurrency=6, watched=False, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url,
        "WAVEFLEET_RETRY_MAX_ATTEMPTS": "2", "WAVEFLEET_AUTH_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000", **PATIENT})
    migration_server.app.control({"projects": {"progressonly--watched": {"run_ms": 11000}}})
    fleet.start_worker(concurrency=2).expected_exit = 0     # a flow drains it
    add_people(fleet)
    store_secret(fleet)
    return fleet


@pytest.fixture
def browse(site):
    """Runs one flow in a browser of its own; fails with what it said."""
    def run(module, flow):
        env = {k: v for k, v in os.environ.items() if not k.startswith("WAVEFLEET_")}
        env.update(URL=f"http://127.0.0.1:{site.port}", TOKEN=TOKEN, PASSWORD=PASSWORD, SLOW=str(SLOW),
                   SCREENSHOTS=str(SCREENSHOTS))
        ran = subprocess.run(["node", HERE / "run.mjs", module, flow], env=env, text=True, timeout=120 * SLOW,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print(ran.stdout)  # what it measured: pytest -rP
        assert ran.returncode == 0
    return run
