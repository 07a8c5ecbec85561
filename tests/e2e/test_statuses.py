"""The status of waves, asked for by many at once: questions go together, and nobody is told what was true before he asked."""

import threading

from gate import DOWN
from http_client import Client
from wavefleet import TOKEN, assert_problem, in_parallel

ABSENT = "1700000000_000000000000"


class Readers:
    """Threads that ask for one wave's status again and again."""

    def __init__(self, fleet, wave, number):
        self.done, self.answers = threading.Event(), []
        self.threads = [threading.Thread(target=self.read, args=(Client(fleet.port, TOKEN), wave), daemon=True) for _ in range(number)]

    def read(self, client, wave):
        while not self.done.is_set():
            self.answers.append(client.get(f"/api/waves/{wave}/status").status)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for t in self.threads:
            t.join(20)


def test_each_is_told_of_his_own_wave(make_own_fleet):
    """More at once than one question takes, of which some name no wave."""
    fleet = make_own_fleet()
    waves = {fleet.submit(f"wave {n}", [f"p{i}" for i in range(n)], queue="nobody"): n for n in range(1, 12)}
    wanted = [*list(waves) * 12, ABSENT, ABSENT]

    def ask(wave):
        return wave, Client(fleet.port, TOKEN).get(f"/api/waves/{wave}/status")
    for wave, reply in in_parallel(*[lambda w=w: ask(w) for w in wanted]):
        if wave == ABSENT:
            assert ABSENT in assert_problem(reply, 404)["detail"]
        else:
            assert reply.data["progress"] == {"total": waves[wave], "completed": 0, "failed": 0}, wave


def test_no_answer_is_older_than_its_question(slow_api):
    """Answers of PostgreSQL come late, so there is always a question under way whose answer is out of date."""
    fleet, gate = slow_api
    wave = fleet.submit("changing", ["p"], queue="nobody")
    with Readers(fleet, wave, 6) as readers:
        gate.slow(0.05, DOWN)
        for total in range(2, 30):
            fleet.sql.execute("UPDATE waves SET total = %s WHERE wave_id = %s", total, wave)
            assert fleet.status(wave)["progress"]["total"] == total
        gate.mend()
        fleet.sql.execute("UPDATE waves SET total = 1 WHERE wave_id = %s", wave)
    assert readers.answers and set(readers.answers) == {200}


def test_everybody_is_told_that_postgres_is_away(slow_api):
    fleet, gate = slow_api
    wave = fleet.submit("away", ["p"], queue="nobody")
    gate.stall(DOWN)
    asking = threading.Timer(0.5, gate.cut)
    asking.start()
    for reply in in_parallel(*[lambda: Client(fleet.port, TOKEN).get(f"/api/waves/{wave}/status") for _ in range(80)]):
        assert_problem(reply, 503)
    asking.join()
