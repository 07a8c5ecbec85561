"""Scenarios of the fault points where the API takes waves and acts on them (see points.py)."""

import json
import time

from invariants import snapshot
from points import names, passes
from wavefleet import wait_until


# ---- a wave is submitted ----

def submitting(x, body):
    return x.post("/api/waves", body, **{"Idempotency-Key": "key-" + x.name.replace(" ", "-")})


def named(x):
    return [r["wave_id"] for r in x.sql.rows("SELECT wave_id FROM waves WHERE name = %s", x.name)]


def again(x, body):
    """The client tries again with its key: there is one wave, and it completes."""
    reply = submitting(x, body)
    assert reply and reply.status in (200, 201), reply
    assert named(x) == [reply.data["wave_id"]], "one key, one wave"
    x.ends(reply.data["wave_id"])


@passes("submit_read", "submit_sent", "submit_committed", "submit_piece", "submit_enqueued", "submit_answered")
def a_wave_is_submitted(x):
    x.worker()
    x.armed_api()
    body = {"name": x.name, "kind": "noop", "project_uuids": names(2500 if x.point == "submit_piece" else 20), "batch_size": 500}
    answer = submitting(x, body)
    x.dies(x.fleet.api)
    assert (answer is not None) == (x.point == "submit_answered"), answer
    assert answer is None or answer.status == 201, answer
    x.fleet.start_api()
    if x.point == "submit_read":
        assert not named(x), "nothing was sent"
    elif x.point != "submit_sent":
        x.ends(named(x)[0])     # whether or not the client comes again
    again(x, body)


def large(x):
    """A body that goes to a child: beyond a mebibyte, most of it spaces."""
    body = {"name": x.name, "kind": "noop", "project_uuids": names(300), "batch_size": 100}
    return json.dumps(body) + " " * (1 << 20)


@passes("load_given", "load_heard")
def a_large_wave_and_the_api_dies(x):
    x.worker()
    x.armed_api()
    body = large(x)
    assert submitting(x, body) is None
    x.dies(x.fleet.api)
    x.fleet.start_api()
    again(x, body)


@passes("load_copied", "load_committed", "load_answered")
def a_large_wave_and_its_child_dies(x):
    x.worker()
    api = x.armed_api()
    body = large(x)
    answer = submitting(x, body)
    x.child_dies(api, "submit.child_died")
    assert answer.status == (201 if x.point == "load_answered" else 503), answer
    assert len(named(x)) == (x.point != "load_copied")
    taken = lambda: (lambda r: r if r.status in (200, 201) else None)(submitting(x, body))
    wait_until(taken, 10, "another child")
    again(x, body)


# ---- a person acts ----

FAILED = {"fail": {"times": 1, "class": "data"}}


def ended_in_error(x, projects):
    wave = x.submit(projects, params=FAILED, batch_size=500)
    assert x.fleet.wait_wave(wave, 60) == "error"
    return wave


@passes("act_sent", "act_committed", "act_slots_freed", "act_pushed", "act_told")
def one_is_restarted(x):
    x.worker()
    wave = ended_in_error(x, 1)
    x.armed_api()
    path = f"/api/waves/{wave}/migrations/{names(1)[0]}/restart"
    x.kills(path)
    x.fleet.start_api()
    again = x.point == "act_sent" and x.post(path).status
    assert again in (False, 200, 409), again
    x.fleet.wait_wave(wave, 40, until=("completed",))
    x.ends(wave, restarts=2 if again == 200 else 1)


@passes("refill_read", "refill_pushed", "push_piece")
def many_are_restarted(x):
    x.worker(8)
    wave = ended_in_error(x, 2300)
    x.armed_api()
    x.kills(f"/api/waves/{wave}/restart-all", answered=True)
    x.fleet.start_api()
    x.fleet.wait_wave(wave, 60, until=("completed",))
    x.ends(wave, restarts=1)


@passes("act_to_judge_known")
def a_wave_is_stopped_before_it_starts(x):
    wave = x.submit(12)
    x.armed_api()
    x.kills(f"/api/waves/{wave}/stop")
    x.fleet.start_api()
    x.worker()
    x.ends(wave, "stopped")


@passes("hurry_unsent")
@passes("act_told", variant="of a stop")
def a_running_wave_is_stopped(x):
    x.worker()
    wave = x.submit(12, params={"sleep_ms": 25000})
    x.running(wave, 4)
    x.armed_api()
    x.kills(f"/api/waves/{wave}/stop")
    x.fleet.start_api()
    x.ends(wave, "stopped")


@passes("dead_wave_done")
def dead_letters_of_two_waves(x):
    x.worker()
    waves = [ended_in_error(x, 3) for _ in range(2)]
    wish = {"ids": [m["id"] for wave in waves for m in x.fleet.migrations(wave).values()]}
    x.armed_api()
    x.kills("/api/dead/restart", wish)
    x.fleet.start_api()
    states = [x.fleet.wait_wave(w, 40, until=("completed", "error")) for w in waves]
    assert sorted(states) == ["completed", "error"], "the one that was begun was done whole"
    assert x.post("/api/dead/restart", wish).data["restarted"] == 3
    for wave in waves:
        x.fleet.wait_wave(wave, 40, until=("completed",))
        x.ends(wave, restarts=1)


# ---- queues and workers ----

def stands_still(x, wave):
    """What runs has ended, and nothing begins for longer than anybody waits before he looks."""
    wait_until(lambda: snapshot(x.sql, wave)["running"] == 0, 10, "what runs to end")
    before = snapshot(x.sql, wave)
    time.sleep(1.5)     # two renewals, and a pass of the reconciler
    assert snapshot(x.sql, wave) == before and before["completed"] < before["total"], (before, snapshot(x.sql, wave))


@passes("queue_changed")
def a_queue_is_paused(x):
    x.worker()
    wave = x.submit(60, params={"sleep_ms": 400})
    x.settled(wave, 2)
    x.armed_api()
    x.kills("/api/queues/default/pause")
    x.fleet.start_api()
    stands_still(x, wave)
    assert x.post("/api/queues/default/resume").status == 200
    x.ends(wave)


@passes("queue_changed", variant="again")
def a_queue_is_resumed(x):
    assert x.post("/api/queues/default/pause").status == 200
    x.worker()
    wave = x.submit(12)
    x.armed_api()
    x.kills("/api/queues/default/resume")
    x.fleet.start_api()
    x.ends(wave)


@passes("queue_shut_known")
def a_claim_from_a_paused_queue(x):
    """Redis still hands out what PostgreSQL does not let begin."""
    wave = x.submit(12)
    assert x.post("/api/queues/default/pause").status == 200
    wait_until(lambda: x.redis.llen("wavefleet:queue:default"), 5, "ids lined up")
    victim = x.victim()
    x.dies(victim)
    x.worker()
    stands_still(x, wave)
    assert x.post("/api/queues/default/resume").status == 200
    x.ends(wave)


@passes("drain_noted")
def a_worker_is_to_drain(x):
    worker = x.worker()
    wave = x.submit(30, params={"sleep_ms": 100})
    x.settled(wave, 2)
    x.armed_api()
    x.kills(f"/api/workers/{x.fleet.worker_id(worker)}/drain")
    x.fleet.start_api()
    x.worker()
    assert worker.process.wait(20) == 0
    x.ends(wave)
    worker.expected_exit = 0
