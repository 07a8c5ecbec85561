"""What the tests of failures share: what is said while something is wrong, and that all is well afterwards."""

from invariants import snapshot
from wavefleet import assert_problem, wait_until

WAVE = {"name": "while it lasts", "kind": "noop", "project_uuids": ["a", "b", "c"]}


def names(count):
    return [f"p{i:04d}" for i in range(count)]


def wait_done(fleet, wave, count):
    wait_until(lambda: snapshot(fleet.sql, wave)["completed"] >= count, 30, f"{count} completed", every_s=0.01)


def completes(fleet, *waves, deadline_s=45):
    for wave in waves:
        assert fleet.wait_wave(wave, deadline_s) == "completed", [m["error"] for m in fleet.migrations(wave).values()]
        fleet.check_wave(wave, "completed", clean_within_s=15)


def says(fleet, *words, deadline_s=10):
    """/readyz and /api/health say what is wrong."""
    def told():
        replies = [fleet.http.get(path) for path in ("/readyz", "/api/health")]
        for r in replies:
            assert r.status == 503 and all(w in r.json["error"] for w in words), r
        return replies
    for reply in wait_until(told, deadline_s, f"/readyz says {words}"):
        assert assert_problem(reply, 503)["data"]["status"] == "degraded"


def refuses(fleet, *words, body=None, timeout_s=10):
    """A wave is refused, in words, and nothing of it was done."""
    wave = {**WAVE, **(body or {})}
    reply = fleet.http.post("/api/waves", wave, timeout_s=timeout_s)
    problem = assert_problem(reply, 503)
    assert reply.headers["Retry-After"] and all(w in problem["error"] for w in words), problem
    return wave["name"]


def nothing_of(fleet, name):
    assert fleet.sql.value("SELECT count(*) FROM waves WHERE name = %s", name) == 0, "nothing half-done"


def ready_again(fleet, deadline_s=20):
    wait_until(lambda: fleet.http.get("/readyz").status == 200, deadline_s, "/readyz recovers by itself")


def logged(fleet, event, *words, program="wavefleet-worker", deadline_s=10):
    """Lines of this event whose reason has the words."""
    def found():
        return [e for e in fleet.log_events(event) if e["program"] == program and
                all(w in str(e.get("reason")) for w in words)]
    return wait_until(found, deadline_s, f"a line {event} with {words} from {program}")
