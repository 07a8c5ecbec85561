"""The faults, as a table: name -> (weight, what it does). Each takes the world and dice, does one thing, sees
to it that it is undone in time, and returns what it did in words; None where there was nothing to strike.

A rule of the product limits them: a runner that is stopped together with all others of its worker and with
the supervisor is not fenced (README, "a host freezes"). So one runner of each worker is left running, except by
`freeze`, which the checker knows of."""

import random
import signal
import time

from gate import BOTH, DOWN, UP
from plan import pick
from wavefleet import children_of
from world import LEASE_MS, born, name_of, send

SHORT_S, LONG_S = (0.1, 0.7 * LEASE_MS / 1000), (1.2 * LEASE_MS / 1000, 3 * LEASE_MS / 1000)
AWAY_S = (0.3, 2 * LEASE_MS / 1000)


def between(limits, die):
    return limits[0] + die * (limits[1] - limits[0])


def length(dice):
    """Shorter than the lease or longer, half of the time each."""
    return between(SHORT_S if dice[0] < 0.5 else LONG_S, dice[1])


# ---- processes ----

def worker_of(world, die):
    return pick([s for s in world.workers if s.alive], die)


def kill_slot(world, slot, after_s):
    pid = slot.program.pid
    slot.program.kill()
    world.later(after_s, f"{slot.name}: started again", world.respawn, slot)
    return f"kill -9 of {slot.name} (pid {pid})"


def kill_worker(world, dice):
    slot = worker_of(world, dice[0])
    return slot and kill_slot(world, slot, between((0.0, 4.0), dice[1]))


def kill_api(world, dice):
    return world.api.alive and kill_slot(world, world.api, between((0.0, 2.0), dice[1])) or None


def stop_process(world, slot, pid, for_s, what, group=False):
    """SIGSTOP, and SIGCONT later, to a process or to the group that it leads. It may just have ended (None)."""
    if pid is None:
        return f"no {what} of {slot.name} to stop"
    when = born(pid)
    send(pid, signal.SIGSTOP, group)
    slot.stopped.add(pid)

    def go_on():
        if born(pid) == when:
            send(pid, signal.SIGCONT, group)
        slot.stopped.discard(pid)
    world.later(for_s, f"SIGCONT to {what} {pid} of {slot.name}", go_on)
    return f"SIGSTOP of {what} {pid} of {slot.name} for {for_s:.1f} s"


def stop_supervisor(world, dice):
    slot = pick([s for s in world.workers if s.supervised and s.runners()], dice[2])
    return slot and stop_process(world, slot, slot.program.pid, length(dice), "the supervisor")


def stop_api(world, dice):
    slot = world.api
    return stop_process(world, slot, slot.program.pid, length(dice), "the API") if slot.supervised else None


def spare_runner(slot, die):
    """One that may be harmed: another is left that watches."""
    runners = slot.runners()
    return pick(runners, die) if len(runners) >= 2 else None


def stop_runner(world, dice, group=False):
    slot = worker_of(world, dice[2])
    runner = slot and spare_runner(slot, dice[3])
    return runner and stop_process(world, slot, runner, length(dice), "runner" + " and body" * group, group)


def stop_runner_and_body(world, dice):
    return stop_runner(world, dice, group=True)


def kill_runner(world, dice):
    slot = worker_of(world, dice[0])
    runner = slot and spare_runner(slot, dice[1])
    if runner is None:
        return None
    send(runner, signal.SIGKILL)
    return f"kill -9 of runner {runner} of {slot.name}"


def stop_both(world, dice):
    """The supervisor and one of its runners."""
    slot = pick([s for s in world.workers if s.supervised and len(s.runners()) >= 2], dice[2])
    if slot is None:
        return None
    runner, for_s = spare_runner(slot, dice[3]), length(dice)
    stop_process(world, slot, runner, for_s, "runner", group=dice[4] < 0.3)
    return stop_process(world, slot, slot.program.pid, for_s, f"runner {runner} and the supervisor")


def kill_both(world, dice):
    """A runner and then its supervisor, which has been stopped or not yet heard of it."""
    slot = pick([s for s in world.workers if s.alive and len(s.runners()) >= 2], dice[2])
    if slot is None:
        return None
    runner, stopped = spare_runner(slot, dice[3]), dice[4] < 0.6
    if stopped:
        stop_process(world, slot, slot.program.pid, 10, "the supervisor")
    if runner:
        send(runner, signal.SIGKILL)
    time.sleep(0.3 * dice[1])
    return f"kill -9 of runner {runner}, " + kill_slot(world, slot, between((0.0, 3.0), dice[0]))


def kill_above_stopped_runner(world, dice):
    """A runner is stopped, and then its supervisor killed."""
    slot = pick([s for s in world.workers if s.alive and len(s.runners()) >= 2], dice[2])
    if slot is None:
        return None
    did = stop_process(world, slot, spare_runner(slot, dice[3]), length(dice), "runner", group=dice[4] < 0.3)
    time.sleep(0.3 * dice[5])
    return f"{did}, " + kill_slot(world, slot, between((0.0, 3.0), dice[4]))


def freeze(world, dice):
    """A host that freezes: everything of a worker stands still, and nothing of it watches."""
    slot = pick([s for s in world.workers if s.supervised], dice[2])
    if slot is None:
        return None
    for_s, pid = length(dice), slot.program.pid
    runners = [p for p in children_of(pid) if name_of(p) == "wavefleet-run"]
    frozen = {p: born(p) for p in (pid, *runners)}
    began = time.monotonic_ns()
    for p in frozen:
        send(p, signal.SIGSTOP, group=p != pid)
    slot.stopped.update(frozen)

    def thaw():
        world.freezes.append({"supervisor": pid, "began": began, "ended": time.monotonic_ns()})
        for p in (frozen if dice[4] < 0.5 else reversed(list(frozen))):
            if born(p) == frozen[p]:
                send(p, signal.SIGCONT, group=p != pid)
        slot.stopped.difference_update(frozen)
    world.later(for_s, f"thaw of {slot.name}", thaw)
    return f"freeze of {slot.name} (pid {pid}, {len(runners)} runners) for {for_s:.1f} s"


def drain_worker(world, dice):
    """SIGTERM, now and then twice; a successor comes when it has ended."""
    slot = pick([s for s in world.workers if s.supervised], dice[2])
    if slot is None:
        return None
    program = slot.program
    program.expected_exit = "drained"
    send(program.pid, signal.SIGTERM)
    if dice[3] < 0.3:
        time.sleep(dice[4])
        send(program.pid, signal.SIGTERM)
    return f"SIGTERM to {slot.name} (pid {program.pid})"


# ---- ways ----

def gate_of(world, dice):
    """A way of one program to one server: (words, gate)."""
    slot = pick((world.api, *world.workers), dice[4])
    server = "postgres" if dice[5] < 0.5 else "redis"
    return f"{slot.name} to {server}", slot.gates[server]


def direction(die):
    return (BOTH, (UP,), (DOWN,), BOTH)[int(die * 4)]


def spoil(world, dice, words, begin):
    name, gate = gate_of(world, dice)
    for_s = length(dice)
    begin(gate)
    world.later(for_s, f"the way of {name} is mended", gate.mend)
    return f"{words}: {name} for {for_s:.1f} s"


def lose(world, dice):
    ways = direction(dice[2])
    return spoil(world, dice, f"bytes vanish {'/'.join(ways)}", lambda gate: gate.lose(*ways))


def stall(world, dice):
    ways = direction(dice[2])
    return spoil(world, dice, f"bytes wait {'/'.join(ways)}", lambda gate: gate.stall(*ways))


def delay(world, dice):
    ways, by_s = direction(dice[2]), 0.02 * 20 ** dice[3]
    return spoil(world, dice, f"bytes come {by_s:.2f} s later {'/'.join(ways)}", lambda gate: gate.slow(by_s, *ways))


def half_open(world, dice):
    who = "server" if dice[2] < 0.5 else "client"
    return spoil(world, dice, f"half open, the {who} has lost it", lambda gate: gate.half_open(who))


def refuse(world, dice):
    return spoil(world, dice, "refused", lambda gate: gate.cut())


def reset(world, dice):
    name, gate = gate_of(world, dice)
    gate.reset()
    return f"reset: {name}"


# ---- Redis ----

def stand_still(world, pid, for_s, name):
    when = born(pid)
    send(pid, signal.SIGSTOP)

    def go_on():
        if born(pid) == when:
            send(pid, signal.SIGCONT)
    world.later(for_s, f"{name} goes on", go_on)
    return f"{name} stands still for {for_s:.1f} s"


def redis_flush(world, dice):
    world.redis.flushall()
    return "FLUSHALL"


def redis_restart(world, dice):
    world.strike("redis", signal.SIGKILL if dice[0] < 0.5 else signal.SIGTERM)
    time.sleep(between((0.0, 1.5), dice[1]))
    world.raise_again("redis")
    return "Redis restarted"


def redis_truncated(world, dice):
    world.strike("redis", signal.SIGKILL)
    lost = world.truncate_aof(between((0.3, 1.5), dice[0]))
    world.raise_again("redis")
    return f"Redis restarted without its last {lost} bytes"


def redis_older(world, dice):
    world.strike("redis", signal.SIGKILL)
    age_s = world.restore_older()
    world.raise_again("redis")
    return f"Redis restarted with its state of {age_s:.1f} s ago" if age_s is not None else "Redis restarted"


def redis_hangs(world, dice):
    return stand_still(world, world.server_pid("redis"), length(dice), "Redis")


def redis_full(world, dice):
    world.redis.config_set("maxmemory", 1)
    world.later(between(AWAY_S, dice[0]), "Redis has memory again", redis_setting, world, "maxmemory", 0)
    return "Redis is full (maxmemory)"


def redis_read_only(world, dice):
    world.redis.config_set("min-replicas-to-write", 1)
    world.later(between(AWAY_S, dice[0]), "Redis takes writes again", redis_setting, world, "min-replicas-to-write", 0)
    return "Redis refuses writes (NOREPLICAS)"


def redis_setting(world, name, value):
    world.redis.config_set(name, value)


def redis_replica(world, dice):
    world.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    world.later(between(AWAY_S, dice[0]), "Redis is a master again", redis_master, world)
    return "Redis has become a replica"


def redis_master(world):
    world.redis.execute_command("REPLICAOF", "NO", "ONE")


def redis_kills_clients(world, dice):
    mine = world.redis.client_id()
    victims = [c["id"] for c in world.redis.client_list() if int(c["id"]) != mine]
    chosen = random.Random(dice[0]).sample(victims, k=len(victims) // 2)
    for victim in chosen:
        world.redis.execute_command("CLIENT", "KILL", "ID", victim)
    world.redis.script_flush()
    return f"CLIENT KILL of {len(chosen)} of {len(victims)}, SCRIPT FLUSH"


# ---- PostgreSQL ----

def postgres_restart(world, dice):
    name = ("SIGKILL", "SIGQUIT", "SIGQUIT", "SIGINT")[int(dice[0] * 4)]
    world.strike("postgres", getattr(signal, name))
    time.sleep(between((0.0, 1.5), dice[1]))
    world.raise_again("postgres")
    return f"PostgreSQL restarted ({name})"


def postgres_away(world, dice):
    """For longer than the lease: bodies must be stopped."""
    for_s = between(LONG_S, dice[0])
    world.strike("postgres", signal.SIGQUIT)
    world.later(for_s, "PostgreSQL is started again", world.raise_again, "postgres")
    return f"PostgreSQL is away for {for_s:.1f} s"


def backends(world):
    return [r["pid"] for r in world.sql.rows("""SELECT pid FROM pg_stat_activity
        WHERE application_name LIKE 'wavefleet%%' AND datname = current_database() ORDER BY pid""")]


def postgres_terminates(world, dice):
    found = backends(world)
    chosen = random.Random(dice[0]).sample(found, k=len(found) // 2)
    world.sql.rows("SELECT pg_terminate_backend(pid) FROM unnest(%s) pid", chosen)
    return f"pg_terminate_backend of {len(chosen)} of {len(found)}"


def postgres_backend_hangs(world, dice):
    pid = pick(backends(world), dice[2])
    return pid and stand_still(world, pid, length(dice), f"backend {pid}")


def postgres_read_only(world, dice):
    postgres_setting(world, "SET default_transaction_read_only = on")
    world.later(between(AWAY_S, dice[0]), "PostgreSQL takes writes again", postgres_setting, world,
                "RESET default_transaction_read_only")
    return "PostgreSQL is read-only"


def postgres_setting(world, what):
    for statement in ("SET default_transaction_read_only = off", f"ALTER SYSTEM {what}", "SELECT pg_reload_conf()"):
        world.sql.execute(statement)


FAULTS = {
    "kill_worker": (6, kill_worker),
    "kill_runner": (6, kill_runner),
    "kill_api": (2, kill_api),
    "stop_supervisor": (4, stop_supervisor),
    "stop_runner": (3, stop_runner),
    "stop_runner_and_body": (2, stop_runner_and_body),
    "stop_both": (3, stop_both),
    "stop_api": (1, stop_api),
    "kill_both": (2, kill_both),
    "kill_above_stopped_runner": (2, kill_above_stopped_runner),
    "freeze": (2, freeze),
    "drain_worker": (4, drain_worker),
    "lose": (4, lose),
    "stall": (4, stall),
    "delay": (3, delay),
    "half_open": (3, half_open),
    "refuse": (3, refuse),
    "reset": (3, reset),
    "redis_flush": (3, redis_flush),
    "redis_restart": (1, redis_restart),
    "redis_truncated": (2, redis_truncated),
    "redis_older": (2, redis_older),
    "redis_hangs": (1, redis_hangs),
    "redis_full": (1, redis_full),
    "redis_read_only": (1, redis_read_only),
    "redis_replica": (1, redis_replica),
    "redis_kills_clients": (2, redis_kills_clients),
    "postgres_restart": (2, postgres_restart),
    "postgres_away": (1, postgres_away),
    "postgres_terminates": (3, postgres_terminates),
    "postgres_backend_hangs": (3, postgres_backend_hangs),
    "postgres_read_only": (1, postgres_read_only),
}
