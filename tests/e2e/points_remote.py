"""Scenarios of the fault points around the migration server and Brizy (see points.py)."""

import contextlib
import http.client

from invariants import snapshot
from points import passes
from wavefleet import wait_until


def remote(x, project, **fields):
    """A wave of one project that the fake server runs; its name says how."""
    targets = [{"mb_project_uuid": project, "brz_project_id": x.servers.target()}]
    return x.submit(targets, "remote", workspace_id=77, workspace_name="w", **fields)


RARE_POLLS = {"WAVEFLEET_REMOTE_POLL_INITIAL_MS": 8000, "WAVEFLEET_REMOTE_POLL_CAP_MS": 8000}


def started_once(x, project):
    report = x.servers.migration.report(project)
    assert len(report["starts"]) == 1 and not report["double_starts"], report


@passes("start_asked", "start_noted", "start_answered", "poll_answered")
def a_runner_at_the_migration_server(x):
    worker = x.victim(2)
    project = f"never--{x.point}"
    wave = remote(x, project)
    x.child_dies(worker, "runner.died")
    x.ends(wave)
    started_once(x, project)


@passes("workspace_locked", "workspace_made", "workspace_noted", "target_locked", "target_made", "target_noted")
def a_runner_at_brizy(x):
    worker = x.victim(2)
    project = f"plain--{x.point}"
    wave = x.submit([project], "remote", workspace_name=f"workspace of {x.point}")
    x.child_dies(worker, "runner.died")
    x.ends(wave)
    assert not x.servers.brizy.report()["duplicates"]
    started_once(x, project)


@passes("settle_committed", "settle_sent", "finish_sent", variant="of what is parked")
@passes("claim_committed", "claim_sent", variant="of a poll")
def a_worker_with_what_is_parked(x):
    project = f"never--{x.point}-{'poll' if x.point.startswith('claim') else 'parked'}"
    victim = x.victim(2, nth=2 if x.point.startswith("claim") else 1)
    wave = remote(x, project)
    x.dies(victim)
    x.worker()
    x.ends(wave)
    started_once(x, project)


@passes("run_committed")
def a_project_that_runs_alone(x):
    x.worker()
    x.armed_api()
    body = {"mb_project_uuid": f"plain--{x.point}", "brz_project_id": x.servers.target()}
    x.kills("/api/migrations/run", body)
    x.fleet.start_api()
    wave = x.sql.value("SELECT max(wave_id) FROM waves WHERE name = %s", f"run plain--{x.point}")
    x.ends(wave)
    started_once(x, body["mb_project_uuid"])


@passes("webhook_read", "webhook_settled", "webhook_noted")
@passes("settle_sent", "settle_committed", "settle_to_judge_known", "judge_committed", "finish_sent", variant="by webhook")
def a_webhook_comes(x):
    """The server calls again until it is answered; polls are too rare to be of help."""
    with x.nobody_leads("judge" in x.point):
        x.worker(**RARE_POLLS)
        x.armed_api()
        project = f"plain--hook-{x.point}"
        wave = remote(x, project)
        x.dies(x.fleet.api)
    x.fleet.start_api()
    x.ends(wave)
    started_once(x, project)


@passes("webhook_revived")
def a_webhook_revives(x):
    """The one attempt that the migration had was given up while the server went on."""
    x.worker()
    project = f"failed--{x.point}"
    wave = remote(x, project, max_attempts=1)
    assert x.fleet.wait_wave(wave) == "error"
    start = x.servers.migration.report(project)["starts"][0]["params"]
    path = start["webhook_url"].partition(x.fleet.env["WAVEFLEET_PUBLIC_URL"])[2]
    body = {"mb_project_uuid": project, "brz_project_id": int(start["brz_project_id"]), "status": "completed"}
    x.armed_api()
    x.kills(path, body)
    x.fleet.start_api()
    assert x.post(path, body).status == 200
    x.sql.execute("DELETE FROM watch.wave_steps WHERE wave_no = %s AND became = 'error'", x.wave_no(wave))   # it was taken back
    x.ends(wave, restarts=1)


@passes("ask_end_known")
def somebody_asks_how_it_stands(x):
    """Neither webhook nor poll tells in time; who looks makes the API ask."""
    x.worker(**RARE_POLLS)
    x.armed_api()
    wave = remote(x, f"never--{x.point}")
    wait_until(lambda: snapshot(x.sql, wave)["parked"], 15, "parked")
    row = next(iter(x.fleet.migrations(wave).values()))

    def asked():
        with contextlib.suppress(OSError, http.client.HTTPException):
            x.fleet.http.get(f"/api/migrations/m{row['id']}/status-from-server", timeout_s=5)
        return not x.fleet.api.alive
    wait_until(asked, 15, "the API asking", every_s=0.2)
    x.dies(x.fleet.api)
    x.fleet.start_api()
    x.ends(wave)
