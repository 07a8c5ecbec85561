"""What a seed means: the waves, and the schedule of faults and acts. Nothing here looks at the clock, or at
what runs; a wave or a schedule is the same wherever and whenever it is drawn.

An event is {"at": seconds, "who": "fault" or "act", "what": its name, "dice": numbers in [0, 1)}. The
dice choose among what is there when the event comes: which worker, which migration, how long."""

import random

DICE = 6
QUEUES = ("default", "heavy")
ATTEMPTS_FOR_EVER = 1000        # kill -9 of a runner spends an attempt; what is sane completes in the end
BODY_COST_MS = 15_000           # of a wave, by its window: what it takes at least

# How the migration server treats a project (tests/fakes/behaviour.py), and how often. Each of them begins
# exactly once, however often it is asked. Not `notimes`: where a server tells no times and sends no webhook, a project
# that a person restarts looks finished as before, and is tried again until its attempts are used up.
MANNERS = {"plain": 6, "twice": 2, "never": 2, "late": 1, "early": 1, "hang": 1, "hangnobegin": 1, "start503": 1,
           "reset": 1, "resetnobegin": 1, "status500": 1, "statushtml": 1, "statusreset": 1, "status404once": 1,
           "statustruncated": 1}


def rng(seed, *what):
    return random.Random("/".join(map(str, (seed, *what))))


def pick(items, die):
    """The one of them that a die names; None where there is none."""
    items = list(items)
    return items[int(die * len(items))] if items else None


# ---- waves ----

def wave(seed, number):
    """Everything about the wave of this number: {name, kind, queue, priority, batch_size, max_attempts,
    projects: [{project, plan | manner, depends_on}], steering: {canary, max_failures, after: the number of a
    wave it depends on, start_in_s, deadline_in_s}}."""
    r = rng(seed, "wave", number)
    kind = r.choices(("command", "noop", "remote"), (14, 3, 3))[0]
    made = {"name": f"wave-{number}", "kind": kind, "queue": r.choices(QUEUES, (3, 1))[0],
            "priority": r.choice((0, 0, 0, 5, 9)), "max_attempts": ATTEMPTS_FOR_EVER}
    made |= {"command": commands, "noop": noops, "remote": remotes}[kind](r, number)
    return {**made, "steering": steering(r, number, made["projects"])}


def steering(r, number, projects):
    made = {}
    if r.random() < 0.15 and len(projects) > 2:
        made["canary"] = r.randint(1, 2)
    if r.random() < 0.1:
        made["max_failures"] = r.randint(1, 3)
    if r.random() < 0.1 and number > 0:
        made["after"] = number - 1
    elif r.random() < 0.06:
        made["start_in_s"] = r.randint(1, 5)
    if r.random() < 0.05:
        made["deadline_in_s"] = r.randint(6, 15)
    if r.random() < 0.2:
        for i, project in enumerate(projects):
            if i > 0 and r.random() < 0.6:
                project["depends_on"] = sorted({projects[r.randrange(max(0, i - 4), i)]["project"] for _ in range(2)})
    return made


def commands(r, number):
    batch = r.choice((1, 2, 3, 5, 8))
    poisoned = r.random() < 0.15
    projects, cost = [], 0
    for i in range(r.randint(3, 40)):
        ms = duration_ms(r)
        cost += ms / batch
        if projects and cost > BODY_COST_MS:
            break
        projects.append({"project": f"p{number}-{i}", "plan": body_plan(r, ms, poisoned)})
    return {"batch_size": batch, "projects": projects,
            **({"max_attempts": r.choice((2, 3, 4))} if poisoned else {})}


def duration_ms(r):
    """Most are short; one in six lasts longer than the lease, and up to 15 s."""
    if r.random() < 0.84:
        return round(50 * 40 ** r.random())
    return round(3000 * 5 ** r.random())


def body_plan(r, ms, poisoned):
    words = [f"ms={ms}"]
    if r.random() < 0.25:
        words.append(r.choice(("child=stay", "child=stay", "child=leave")))
    if r.random() < 0.2:
        words.append("deaf")
    if poisoned and r.random() < 0.5:
        words.append(r.choice(("exit=65", "fails=1000", "crashes=1000")))
    elif r.random() < 0.15:
        words.append(r.choice(("fails=1", "fails=2", "crashes=1")))
    elif r.random() < 0.01:
        words.append("exit=78")
    return ",".join(words)


def noops(r, number):
    if r.random() < 0.4:
        return brief_noops(r, number)
    params = {"sleep_ms": r.choice((0, 5, 50))}
    if r.random() < 0.3:
        params["fail"] = {"times": 1, "class": "temporary"}
    return {"batch_size": r.choice((1, 4, 20, 50)), "params": params,
            "projects": [{"project": f"n{number}-{i}"} for i in range(r.randint(1, 200))]}


def brief_noops(r, number):
    """So many that they are claimed dozens at once; a few of them last, or fail once."""
    odd = ({"sleep_ms": 1500}, {"sleep_ms": 4000}, {"fail": {"times": 1, "class": "temporary"}})
    projects = [{"project": f"n{number}-{i}", **({"params": r.choice(odd)} if r.random() < 0.01 else {})}
                for i in range(r.randint(300, 800))]
    return {"batch_size": r.choice((100, 800)), "params": {}, "projects": projects}


def remotes(r, number):
    names, weights = zip(*MANNERS.items())
    return {"batch_size": r.choice((1, 3, 6)),
            "projects": [{"project": f"{m}--{number}-{i}", "manner": m, "target": number * 1000 + i + 1,
                          "run_ms": round(100 * 30 ** r.random())}
                         for i, m in enumerate(r.choices(names, weights, k=r.randint(2, 10)))]}


# ---- the schedule ----

def schedule(seed, seconds, faults, acts):
    """faults, acts: name -> weight. Each seed has a temper of its own: how fast they come, which come
    often, and which not at all; so that all kinds together do not drown what two of them do."""
    events = events_of(rng(seed, "faults"), "fault", seconds, faults, (0.3, 3.0))
    events += events_of(rng(seed, "acts"), "act", seconds, acts, (0.5, 4.0))
    return sorted(events, key=lambda e: e["at"])


def events_of(r, who, seconds, weights, gap_s):
    mean_s = gap_s[0] * (gap_s[1] / gap_s[0]) ** r.random()
    kinds = {name: w * r.choice((0, 1, 1, 2)) for name, w in sorted(weights.items())}
    if not any(kinds.values()):
        kinds = weights
    events, at = [], 0.0
    while True:
        at += r.expovariate(1 / mean_s)
        if at >= seconds:
            return events
        what = r.choices(list(kinds), list(kinds.values()))[0]
        events.append({"at": round(at, 3), "who": who, "what": what,
                       "dice": [int(10_000 * r.random()) / 10_000 for _ in range(DICE)]})
