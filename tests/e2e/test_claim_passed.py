"""Who settles n migrations of a wave may claim n of it in the same transaction without the lock that guards its
window: no more of it run afterwards than before. Everybody else is guarded, and acts on the wave wait."""

import re

import psycopg2
import psycopg2.errors
import psycopg2.extras
import pytest

from failing import names
from test_claim_fresh import CLAIMS, SETTINGS, SQL, make_wave, ranges

SETTLED = "bigint[], int[], text[], text[], bigint[], int[], bigint, int, bigint[], boolean, int"
SETTLE = ("bigint[], int[], text[], text[], text[], text[], text[], bigint[], bigint[], bigint, int, bigint, bigint, int, "
          "int[], bigint, boolean, bigint[], boolean")
STATEMENTS = {**CLAIMS, "settle_lock": "bigint[], bigint[]", "slots_promise": "bigint, int", "settle_completed": SETTLED, "settle": SETTLE}


class Session:
    """What a worker's connection does to one wave; each step is a statement of the product."""

    def __init__(self, url, worker, wave_no):
        self.connection = psycopg2.connect(url, options=" ".join("-c " + s for s in (*SETTINGS, "lock_timeout=300ms")))
        self.worker, self.wave_no = worker, wave_no
        self.c = self.connection.cursor()
        for name, types in STATEMENTS.items():
            text = re.sub(r"--.*$", "", (SQL / f"{name}.sql").read_text(), flags=re.M)
            self.c.execute(f"PREPARE {name} ({types}) AS {text}")
        self.connection.commit()

    def run(self, statement, *values):
        self.c.execute(f"EXECUTE {statement} ({', '.join(['%s'] * len(values))})", values)
        return self.c.fetchall()

    def claim(self, ids, many=True):
        """The ids that it claimed."""
        first, last = ranges(ids)
        who = (self.worker, self.worker, ["default"], [self.wave_no])
        if many:
            assert self.run("claim_lock_many", first, last, self.worker)
            rows = self.run("claim_many", first, last, *who, True, [], 20000, 4)
        else:
            assert self.run("claim_lock", ids, self.worker)
            rows = self.run("claim_fresh", ids, *who, 100, [], 20000, 4)
        return sorted(r[0] for r in rows if r[0])       # those without an id are of waves

    def complete(self, ids, told=True, promised=0):
        """Told: a claim comes afterwards; promised: so many slots, in which it came before."""
        if not promised:
            self.run("settle_lock", [], [self.wave_no])
        n = len(ids)
        answer = self.run("settle_completed", ids, [1] * n, [], [], [], [], self.worker, self.worker, [10] * n, told, promised)
        assert [(wave, places) for wave, places, *_ in answer] == [(self.wave_no, "{" + ",".join(map(str, range(1, n + 1))) + "}")]

    def settle(self, ids, outcome):
        self.run("settle_lock", [], [self.wave_no])
        n = len(ids)
        rows = self.run("settle", ids, [1] * n, [outcome] * n, ["temporary"] * n, ["no"] * n, [None] * n, [None] * n, [-1] * n,
                        [0] * n, self.worker, self.worker, 1000, 2000, 2, [0] * n, 0, False, [0] * n, True)
        assert len(rows) == n

    def commit(self):
        self.connection.commit()

    def roll_back(self):
        self.connection.rollback()


class Place:
    """A wave of 40 whose window of four is full: two run at each of two workers."""

    def __init__(self, url):
        self.admin = psycopg2.connect(url, options=" ".join("-c " + s for s in SETTINGS))
        with self.admin.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as c:
            for n in (1, 2):
                c.execute("""INSERT INTO workers (worker_id, name, slot, host, boot_id, pid_ns, pid, pid_started, queues,
                    concurrency, version, lease_ms, protocol) OVERRIDING SYSTEM VALUE
                    VALUES (%s, gen_random_uuid(), %s, 'h', 'b', 'p', 1, 1, '{default}', 10, 'x', 15000, 4)""", (n, n))
            self.wave_no, self.ids = make_wave(c, 0, [{} for _ in range(40)], batch_size=4)
        self.admin.commit()
        self.a, self.b = Session(url, 1, self.wave_no), Session(url, 2, self.wave_no)
        assert self.a.claim(self.ids[:2]) == self.ids[:2]
        self.a.commit()
        assert self.b.claim(self.ids[2:4]) == self.ids[2:4]
        self.b.commit()

    def do(self, text):
        with self.admin.cursor() as c:
            c.execute(text)
            found = c.fetchall() if c.description else None
        self.admin.commit()
        return found

    def running(self):
        rows = self.do("SELECT count(*) FROM migrations WHERE state IN ('running', 'parked')")
        taken = self.do("SELECT sum(claimed - released) FROM wave_progress")
        assert rows == taken
        return rows[0][0]

    def close(self):
        for connection in (self.a.connection, self.b.connection, self.admin):
            connection.close()


@pytest.fixture
def place(make_fleet):
    place = Place(make_fleet(watched=False).place.database_url)
    yield place
    place.close()


def test_two_who_pass_slots_do_not_wait_for_one_another(place):
    place.a.complete(place.ids[:2])
    assert place.a.claim(place.ids[4:6]) == place.ids[4:6]
    place.b.complete(place.ids[2:4])
    assert place.b.claim(place.ids[6:8]) == place.ids[6:8]
    place.b.commit()
    place.a.commit()
    assert place.running() == 4


def test_nor_for_one_who_is_guarded(place):
    place.a.complete(place.ids[:2])
    place.a.commit()
    assert place.a.claim(place.ids[4:5], many=False) == place.ids[4:5]
    place.b.complete(place.ids[2:4])
    assert place.b.claim(place.ids[6:8]) == place.ids[6:8]
    place.b.commit()
    place.a.commit()
    assert place.running() == 3


@pytest.mark.parametrize("given", [3, 4])
def test_more_than_were_settled_are_guarded(place, given):
    place.a.complete(place.ids[:2])
    place.a.commit()
    assert place.a.claim(place.ids[4:5], many=False) == place.ids[4:5]
    place.b.complete(place.ids[2:4])
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        place.b.claim(place.ids[6:6 + given])
    place.b.roll_back()
    place.a.commit()
    place.b.complete(place.ids[2:4])
    assert place.b.claim(place.ids[6:6 + given]) == (place.ids[6:9] if given == 3 else [])     # all or none: claim sees to the rest
    place.b.commit()
    assert place.running() == (4 if given == 3 else 1)


def test_a_window_that_became_smaller_is_kept(place):
    place.do("UPDATE waves SET batch_size = 3")
    place.a.complete(place.ids[:2])
    assert place.a.claim(place.ids[4:6]) == []
    place.a.commit()
    place.b.complete(place.ids[2:3])
    assert place.b.claim(place.ids[4:5]) == place.ids[4:5]
    place.b.commit()
    assert place.running() == 2


def test_a_retry_frees_its_slot_and_a_parked_one_keeps_it(place):
    place.a.settle(place.ids[:2], "failed")
    assert place.a.claim(place.ids[4:6]) == place.ids[4:6]
    place.a.commit()
    place.b.settle(place.ids[2:4], "parked")
    assert place.b.claim(place.ids[6:8]) == []
    place.b.commit()
    assert place.running() == 4


def test_a_claim_goes_when_all_of_it_has_ended(place):
    """However it has ended, and without a look at its rows."""
    def claims_after(*done):
        place.a.commit()
        return place.do("SELECT claimed, ended FROM claims WHERE worker_id = 1")

    assert claims_after(place.a.complete(place.ids[:2]), place.a.claim(place.ids[4:6])) == [(2, 0)]
    assert claims_after(place.a.complete(place.ids[4:5])) == [(2, 1)]
    assert claims_after(place.a.settle(place.ids[5:6], "failed")) == [(2, 2)]
    assert claims_after(place.a.claim(place.ids[6:8])) == [(2, 0)]
    assert place.do("SELECT count(*) FROM under_way WHERE worker_id = 1 AND state = 'running'") == [(2,)]


def test_what_was_refused_frees_nothing(place):
    """Its attempt was over: the slot was not this worker's."""
    place.do(f"UPDATE migrations SET attempt = 2 WHERE id = {place.ids[0]}")
    place.a.run("settle_lock", [], [place.wave_no])
    settled = place.a.run("settle_completed", place.ids[:2], [1, 1], [], [], [], [], 1, 1, [10, 10], True, 0)
    assert [row[1] for row in settled] == ["{2}"]
    assert place.a.claim(place.ids[4:6]) == []
    place.a.roll_back()


def test_what_an_earlier_transaction_settled_frees_nothing(place):
    place.a.complete(place.ids[:2])
    place.a.commit()
    assert place.b.claim(place.ids[10:11], many=False) == place.ids[10:11]
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        place.a.claim(place.ids[4:6])
    place.a.roll_back()
    place.b.roll_back()


def test_acts_wait_and_are_seen(place):
    place.a.complete(place.ids[:2])
    assert place.a.claim(place.ids[4:6]) == place.ids[4:6]
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        place.b.c.execute("SELECT FROM waves FOR UPDATE")
    place.b.roll_back()
    place.a.commit()
    place.do("UPDATE waves SET state = 'paused'")
    place.b.complete(place.ids[2:4])
    assert place.b.claim(place.ids[6:8]) == []
    place.b.commit()
    assert place.running() == 2


def test_nothing_passes_where_the_settlement_was_not_told_of_a_claim(place):
    place.a.complete(place.ids[:2], told=False)
    assert place.b.claim(place.ids[10:11], many=False) == []
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        place.a.claim(place.ids[4:6])
    place.a.roll_back()
    place.b.roll_back()


def test_a_narrow_window_of_brief_bodies(make_fleet):
    """Settled and claimed by the same transactions, and never more at once than the window holds."""
    fleet = make_fleet(workers=2, concurrency=4)
    most = goes = 0
    while not most and goes < 5:        # a machine that stands still may let a wave pass unseen
        goes += 1
        wave = fleet.submit(f"narrow {goes}", names(6000), batch_size=40)
        while not fleet.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave):
            most = max(most, fleet.sql.value("SELECT count(*) FROM migrations WHERE state IN ('running', 'parked')"))
        fleet.check_wave(wave)
    assert 0 < most <= 40
    together = fleet.sql.value("""SELECT count(*) FROM migrations a
        WHERE EXISTS (SELECT FROM migrations b WHERE b.finished_at = a.started_at)""")
    assert together > 0
    attempts = fleet.sql.row("SELECT max(attempt) AS most, count(*) AS rows FROM attempts")
    assert attempts == {"most": 1, "rows": 6000 * goes}
