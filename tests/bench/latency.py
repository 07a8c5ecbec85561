"""How soon a body runs on an idle system."""

import random
import time

from load import Connection, request_bytes
from wavefleet import TOKEN, wait_until
from work import names, percentile


def answered_waves(fleet, count, body):
    """Waves of one project on an idle system: {wave_id: wall clock of the API's answer}."""
    connection = Connection(fleet.port)
    found = {}
    for _ in range(count):
        time.sleep(random.uniform(0.015, 0.03))
        status, answer, at = connection.ask(request_bytes("POST", "/api/waves", TOKEN, body))
        if status != 201:
            raise RuntimeError(f"the wave was refused: {answer[:300]!r}")
        found[answer.split(b'"wave_id":"', 1)[1].split(b'"', 1)[0].decode()] = at
    connection.close()
    wait_until(lambda: not fleet.sql.value("SELECT count(*) FROM waves WHERE completed_at IS NULL"), 20, "the end of all")
    return found


def since_answer(fleet, answered, expression):
    rows = fleet.sql.rows(f"""SELECT w.wave_id, {expression} AS at FROM migrations m JOIN waves w USING (wave_no)
        WHERE w.wave_id = ANY(%s) AND m.state = 'completed'""", list(answered))
    if len(rows) != len(answered):
        raise RuntimeError(f"{len(rows)} of {len(answered)} waves completed")
    return [(float(r["at"]) - answered[r["wave_id"]]) * 1000 for r in rows]


def latency(bench):
    """From the answer to POST /api/waves: to the claim's BEGIN, to the moment at which the body of a noop looked
    at the clock, to its settlement's BEGIN, and to that moment of a program of the command kind."""
    count = bench.size(200, 10)
    wave = {"name": "latency", "project_uuids": ["one"]}
    noop = {**wave, "kind": "noop", "params": {"stamp": True}}
    date = {**wave, "kind": "command", "params": {"argv": ["/bin/date", '+{{"at": "%s.%N"}']}}
    found = {"claim": [], "body": [], "settle": [], "program": []}
    for _ in bench.rounds():
        with bench.ground.fleet("latency") as fleet:
            fleet.env["WAVEFLEET_COMMAND_ALLOW"] = "/bin/date"
            fleet.start_workers(2, 10)
            answered_waves(fleet, 5, noop)
            answered = answered_waves(fleet, count, noop)
            found["claim"].append(since_answer(fleet, answered, "extract(epoch FROM m.started_at)"))
            found["body"].append(since_answer(fleet, answered, "m.result->>'from'"))
            found["settle"].append(since_answer(fleet, answered, "extract(epoch FROM m.finished_at)"))
            answered = answered_waves(fleet, count, date)
            found["program"].append(since_answer(fleet, answered, "m.result->>'at'"))
    for key, what in (("claim", "to its claim"), ("body", "to the start of its body"),
                      ("settle", "to its settlement, the body of a noop done"),
                      ("program", "to the first line of a command's program")):
        for part, most in ((0.5, 1), (0.99, 10)):
            target = {"at_most": most} if key == "body" else {}
            bench.report(f"{key}_p{part * 100:.0f}", f"from the API's answer {what}, p{part * 100:.0f}",
                         [percentile(times, part) for times in found[key]], "ms", **target)


SPAN = 'a=$EPOCHREALTIME; sleep 0.1; echo "{{\\"from\\": $a, \\"to\\": $EPOCHREALTIME}"'


def gaps_in(fleet, name, window, count, **fields):
    """The end of the n-th body makes room for the one that begins `window` later; bodies tell both moments."""
    fleet.wave_and_wait(name, names(count), batch_size=window, deadline_s=60, **fields)
    rows = fleet.sql.rows("""SELECT (m.result->>'from')::float AS begun, (m.result->>'to')::float AS ended
        FROM migrations m JOIN waves w USING (wave_no) WHERE w.name = %s""", name)
    begun, ended = sorted(r["begun"] for r in rows), sorted(r["ended"] for r in rows)
    return [(b - e) * 1000 for e, b in zip(ended, begun[window:])]


def gaps(bench):
    """From the end of one body to the start of the next, in a wave whose window is full."""
    window, count = 10, bench.size(300, 40)
    noops, programs = [], []
    for _ in bench.rounds():
        with bench.ground.fleet("gaps") as fleet:
            fleet.env["WAVEFLEET_COMMAND_ALLOW"] = "/bin/bash"
            fleet.start_workers(2, 10)
            noops.append(gaps_in(fleet, "noops", window, count, params={"sleep_ms": 100, "stamp": True}))
            programs.append(gaps_in(fleet, "programs", window, count, kind="command",
                                    params={"argv": ["/bin/bash", "-c", SPAN]}))
    for part, most in ((0.5, 2), (0.99, 15)):
        bench.report(f"gap_p{part * 100:.0f}", f"from the end of a body to the start of the next in a full window, p{part * 100:.0f}",
                     [percentile(times, part) for times in noops], "ms", at_most=most)
        bench.report(f"program_gap_p{part * 100:.0f}", f"from a program's last line to the first of the next, likewise, p{part * 100:.0f}",
                     [percentile(times, part) for times in programs], "ms")


MEASURES = {"latency": latency, "gaps": gaps}
