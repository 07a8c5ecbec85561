"""Fixtures: one private stack a session, a fresh place and fleets a module."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "fakes")]

from gate import Gate  # noqa: E402
from servers import postgres_address  # noqa: E402
from stack import Place, Stack, moved_to  # noqa: E402
from wavefleet import BIN, Fleet  # noqa: E402


def pytest_collection_modifyitems(items):
    """Programs that are not there must fail the run, and say so once."""
    missing = [n for n in ("wavefleet-api", "wavefleet-worker", "wavefleet") if not (BIN / n).exists()]
    if items and missing:
        raise pytest.UsageError(f"{', '.join(missing)} not found in {BIN}; run make, or set WAVEFLEET_BIN")


@pytest.fixture(scope="session")
def stack():
    s = Stack()
    yield s
    s.close()


def fleets(stack, name):
    """Yields make(workers=2, concurrency=4, env={…}, watched=True, api=True, place=None): an API
    and workers on a fresh place (or a given one). All are stopped, and judged, afterwards."""
    made, places = [], []

    def make(workers=0, concurrency=4, env=None, watched=True, api=True, place=None):
        if place is None:
            place = Place(stack, name)
            places.append(place)
        fleet = Fleet(place, env, watched)
        made.append(fleet)
        if api:
            fleet.start_api()
        if workers:
            fleet.start_workers(workers, concurrency)
        return fleet

    yield make
    errors = []
    for fleet in made:
        try:
            fleet.stop()
        except AssertionError as e:
            errors.append(str(e))
    for place in places:
        place.close()
    assert not errors, "\n".join(errors)


def name_of(request):
    return request.module.__name__.rpartition(".")[2].removeprefix("test_")


@pytest.fixture(scope="module")
def make_fleet(stack, request):
    """For fleets that all tests of a module share."""
    yield from fleets(stack, name_of(request))


@pytest.fixture
def make_own_fleet(stack, request):
    """For fleets that one test has for itself, because it breaks them."""
    yield from fleets(stack, name_of(request))


@pytest.fixture
def slow_api(make_own_fleet):
    """(fleet, gate): an API whose way to PostgreSQL leads through a gate."""
    fleet = make_own_fleet(api=False)
    gate = Gate(postgres_address(fleet.place))
    fleet.env["WAVEFLEET_DATABASE_URL"] = moved_to(fleet.place.database_url, gate.port)
    fleet.start_api()
    yield fleet, gate
    gate.mend()


@pytest.fixture(scope="module")
def migration_server():
    """A fake migration server: `.url`, and `.app` with control() and report()."""
    import migration_server as fake
    with fake.start_in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def brizy():
    import brizy as fake
    with fake.start_in_thread() as running:
        yield running
