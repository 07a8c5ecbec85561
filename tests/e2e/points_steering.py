"""Scenarios of the fault points where waves are judged, planned and steered (see points.py)."""

from datetime import datetime, timedelta, timezone

from invariants import snapshot
from points import names, passes
from points_worker import leading
from wavefleet import wait_until

BROKEN = {"fail": {"times": 1, "class": "data"}}
ALARMING = {"fail": {"times": 1, "class": "critical"}}


def in_time(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def projects(count, broken=0, params=None):
    """The first `broken` of them fail for good."""
    return [{"project": n, **({"params": params or BROKEN} if i < broken else {})} for i, n in enumerate(names(count))]


def nothing_before(x, wave, canary):
    """Nothing of the rest began before the whole canary was completed."""
    early = x.sql.value("""SELECT count(*) FROM migrations r JOIN waves w USING (wave_no)
        WHERE w.wave_id = %s AND r.id >= w.first_id + %s AND r.first_started_at <
              (SELECT max(finished_at) FROM migrations c WHERE c.wave_no = w.wave_no AND c.id < w.first_id + %s)""",
                        wave, canary, canary)
    assert early == 0


@passes("settle_to_judge_known", "judge_sent", "judge_committed", "freed_unpushed", "refill_read", variant="of a canary")
def a_canary_is_completed(x):
    victim = x.victim(2)
    wave = x.submit(20, canary=3, params={"sleep_ms": 40})
    x.dies(victim)
    x.worker()
    x.ends(wave)
    nothing_before(x, wave, 3)


@passes("freed_unpushed")
@passes("settle_committed", "settle_to_judge_known", "judge_sent", "judge_committed", variant="of what others wait for")
def dependants_are_unblocked(x):
    victim = x.victim(2)
    house = [{"project": "base", "params": {"sleep_ms": 300}}, *({"project": n, "depends_on": ["base"]} for n in names(12)),
             {"project": "roof", "depends_on": names(12)}]
    wave = x.submit(house, params={"sleep_ms": 20})
    x.dies(victim)
    x.worker()
    x.ends(wave)
    rows = x.fleet.migrations(wave)
    assert rows["roof"]["first_started_at"] >= max(rows[n]["finished_at"] for n in names(12))
    assert min(rows[n]["first_started_at"] for n in names(12)) >= rows["base"]["finished_at"]


@passes("refill_read", "refill_pushed", variant="of a wave with blocked projects")
def a_wave_with_blocked_projects_is_submitted(x):
    x.worker()
    x.armed_api()
    body = {"name": x.name, "kind": "noop", "batch_size": 8,
            "projects": [{"project": "roof", "depends_on": names(8)}, *({"project": n} for n in names(8))]}
    x.post("/api/waves", body)
    x.dies(x.fleet.api)
    x.fleet.start_api()
    x.ends(x.sql.value("SELECT wave_id FROM waves WHERE name = %s", x.name))


def pauses(x, wave, failed):
    """It does, though nobody judged it in time: nothing more begins; and goes on when it is told to."""
    assert x.fleet.wait_wave(wave, until=("paused",)) == "paused"
    wait_until(lambda: snapshot(x.sql, wave)["running"] == 0, 10, "what runs to finish")
    s = snapshot(x.sql, wave)
    assert s["failed"] >= failed and s["completed"] + s["failed"] < s["total"], s
    assert x.post(f"/api/waves/{wave}/resume").status == 200
    x.ends(wave, "error")


@passes("settle_committed", "settle_to_judge_known", "judge_sent", "judge_committed", variant="of an alarm")
def a_critical_failure(x):
    with x.nobody_leads():
        victim = x.victim(1)
        wave = x.submit(projects(60, 1, ALARMING), batch_size=1, params={"sleep_ms": 100})
        x.dies(victim)
    x.worker(1)
    pauses(x, wave, 1)


@passes("settle_to_judge_known", "judge_sent", "judge_committed", variant="of too many failures")
def too_many_failures(x):
    with x.nobody_leads():
        victim = x.victim(1)
        wave = x.submit(projects(60, 3), batch_size=1, max_failures=3, params={"sleep_ms": 100})
        x.dies(victim)
    x.worker(1)
    pauses(x, wave, 3)


@passes("due_act_known")
@passes("act_sent", "act_committed", variant="of a planned start")
def a_planned_start(x):
    wave = x.submit(8, start_at=in_time(5))
    assert snapshot(x.sql, wave)["state"] == "ready"
    x.dies(x.victim())
    x.worker()
    x.ends(wave)


@passes("due_act_known", "act_committed", "act_to_judge_known", "hurry_unsent", variant="of a deadline")
def a_deadline(x):
    """The leader dies while it stops the wave; the bodies that run are another worker's."""
    victim = x.victim(2, WAVEFLEET_WORKER_QUEUES="another", WAVEFLEET_WORKER_LEASE_MS=15000)
    leading(x, victim)
    x.worker(4)
    wave = x.submit(12, batch_size=4, deadline_at=in_time(4), params={"sleep_ms": 30000})
    x.running(wave, 4)
    x.dies(victim)
    x.ends(wave, "stopped")
    assert {m["error"] for m in x.fleet.migrations(wave).values()} == {"the wave was stopped by its deadline"}


@passes("due_act_known", "act_committed", variant="of a failed wave that another waits for")
def a_wave_that_depends_on_a_failed_one(x):
    first = x.submit(projects(2, 1))
    second = x.submit(4, depends_on=[first])
    x.dies(x.victim())
    x.worker()
    x.ends(first, "error", alone=False)
    x.ends(second, "stopped")
