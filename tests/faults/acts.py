"""What people do meanwhile, over HTTP: name -> (weight, act). Each takes the driver's people and dice and
returns (target, reply or None); what was asked is written down before, because an answer may be lost."""

import http.client
from urllib.parse import quote

from plan import QUEUES, pick

LOST = (OSError, http.client.HTTPException, AssertionError)
WITHIN_S = 4


class People:
    """Submits waves and acts on them. `log` has every act: {act, wave_id, migration, status}; status None: no
    answer came, so it may have been done or not."""

    def __init__(self, world):
        self.world, self.log, self.waves = world, [], []

    def call(self, act, method, path, body=None, wave_id=None, migration=None, **more):
        entry = {"act": act, "wave_id": wave_id, "migration": migration, "status": None, **more}
        self.log.append(entry)
        try:
            entry["status"] = self.world.fleet.http.request(method, path, body, timeout_s=WITHIN_S).status
        except LOST:
            pass
        return entry

    def wave(self, die):
        """One of the newest thirty."""
        return pick(self.waves[-30:], die)

    def migration(self, dice, states):
        """A migration of a wave, as (wave_id, id, project), in one of these states."""
        rows = self.world.sql.rows("""SELECT w.wave_id, m.id, m.project FROM migrations m JOIN waves w USING (wave_no)
            WHERE m.state = ANY (%s::migration_state[]) AND w.wave_id = ANY (%s) ORDER BY m.id""",
                                   list(states), self.waves[-30:])
        found = pick(rows, dice[1])
        return found and (found["wave_id"], found["id"], found["project"])


def on_wave(verb, path=None, body=None):
    def act(people, dice):
        wave_id = people.wave(dice[0])
        return wave_id and people.call(verb, "POST", f"/api/waves/{wave_id}/{path or verb}", body or {}, wave_id)
    return act


def on_migration(verb, states, method="POST"):
    def act(people, dice):
        found = people.migration(dice, states)
        if not found:
            return None
        wave_id, number, _ = found
        return people.call(verb, method, f"/api/migrations/m{number}/{verb}", None if method == "DELETE" else {}, wave_id,
                           number)
    return act


def in_wave(verb, states, method="POST"):
    """The same acts as they are offered under the wave."""
    def act(people, dice):
        found = people.migration(dice, states)
        if not found:
            return None
        wave_id, number, project = found
        return people.call(verb, method, f"/api/waves/{wave_id}/migrations/{quote(project, safe='')}/{verb}",
                           None if method == "DELETE" else {}, wave_id, number)
    return act


def change(people, dice):
    wave_id, batch_size = people.wave(dice[0]), 1 + int(9 * dice[1] ** 2)
    return wave_id and people.call("change", "PATCH", f"/api/waves/{wave_id}", {"batch_size": batch_size}, wave_id,
                                   batch_size=batch_size)


def dead(verb):
    def act(people, dice):
        rows = people.world.sql.rows("""SELECT w.wave_id, d.migration_id AS id FROM dead d JOIN waves w USING (wave_no)
            WHERE discarded_at IS NULL ORDER BY d.migration_id""")
        found = pick(rows, dice[1])
        return found and people.call("dead-" + verb, "POST", f"/api/dead/m{found['id']}/{verb}", {}, found["wave_id"],
                                     found["id"])
    return act


def on_queue(verb):
    def act(people, dice):
        return people.call(f"{verb}-queue", "POST", f"/api/queues/{pick(QUEUES, dice[0])}/{verb}", {})
    return act


def drain(people, dice):
    """A worker leaves because it was asked over HTTP; the driver sees it go, and fills its place."""
    slot = pick([s for s in people.world.workers if s.supervised], dice[0])
    worker = slot and people.world.sql.value("SELECT max(worker_id) FROM workers WHERE pid = %s AND alive", slot.program.pid)
    if not worker:
        return None
    slot.program.expected_exit = "drained"
    return people.call("drain", "POST", f"/api/workers/{worker}/drain", {})


ACTS = {
    "pause": (3, on_wave("pause")),
    "resume": (5, on_wave("resume")),
    "stop": (1, on_wave("stop")),
    "restart-all": (2, on_wave("restart-all")),
    "reset-wave": (1, on_wave("reset-wave", "reset-status")),
    "restart": (2, on_migration("restart", ("failed", "cancelled", "completed"))),
    "restart-in-wave": (1, in_wave("restart", ("failed", "cancelled", "completed", "retrying"))),
    "reset-status": (1, on_migration("reset-status", ("failed", "completed", "retrying"))),
    "hard-reset": (2, on_migration("hard-reset", ("running", "parked", "running", "retrying"))),
    "set-completed": (1, on_migration("set-completed", ("parked", "failed", "pending", "retrying"))),
    "kill": (2, on_migration("kill", ("running", "parked", "retrying"))),
    "cancel": (3, on_migration("cancel", ("running", "parked", "retrying"))),
    "change": (3, change),
    "dead-restart": (1, dead("restart")),
    "dead-discard": (1, dead("discard")),
    "pause-queue": (1, on_queue("pause")),
    "resume-queue": (3, on_queue("resume")),
    "drain": (2, drain),
    "lock": (3, on_migration("lock", ("running", "parked"), "DELETE")),
    "lock-in-wave": (1, in_wave("lock", ("running", "parked"), "DELETE")),
}
# After them a migration may start anew although it was settled; and settled without its body having said so.
REOPENS_WAVE = ("restart-all", "reset-wave")
REOPENS_ONE = ("restart", "dead-restart", "reset-status", "hard-reset")
