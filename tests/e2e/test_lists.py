"""Lists over a history in which everything occurs, held against plain SQL: every filter, page by page."""

import itertools
import random
from urllib.parse import quote

import pytest

PENDING, ACTIVE, DONE = ("blocked", "pending"), ("running", "parked", "retrying"), ("completed", "failed", "cancelled")
STATUSES = {"pending": PENDING, "in_progress": ACTIVE, "completed": ("completed",), "error": ("failed",), "cancelled": ("cancelled",)}
# many have the beginning "a", few "ab", next to none the others; a percent sign and an underscore mean themselves
BEGINNINGS = ["a"] * 60 + ["ab"] * 5 + ["b%", "b_", "Größe-ÜBER-"]
MIXES = [("completed",), ("completed", "failed"), ("completed", "cancelled"), ("pending",),
         ("completed", "failed", *ACTIVE, *PENDING), (*DONE, *ACTIVE, *PENDING)]


class History:
    """Waves and migrations written into the tables, as programs leave them."""

    def __init__(self, sql, chance):
        self.sql, self.chance, self.rows = sql, chance, []
        self.last = 0

    def wave(self, size, mix, added=0):
        """`added`: so many of its migrations come behind those of the waves that follow. Returns its number."""
        first = self.last + 1
        self.last += size - added
        number = self.sql.value("""INSERT INTO waves (wave_id, name, kind, state, batch_size, max_attempts, total, first_id, last_id)
            VALUES ((1700000000 + %s) || '_000000000000', 'w', 'noop', 'running', 10, 5, %s, %s, %s) RETURNING wave_no""",
                                len(self.rows) + first, size, first, self.last)
        self.fill(number, first, mix)
        return number, added, mix

    def fill(self, number, first, mix):
        for id in range(first, self.last + 1):
            name = f"{self.chance.choice(BEGINNINGS)}{id}"
            self.rows.append((id, number, name, self.chance.randint(1, 50), self.chance.choice(mix)))

    def add(self, number, added, mix):
        first = self.last + 1
        self.last += added
        self.fill(number, first, mix)
        self.sql.execute("UPDATE waves SET last_id = %s WHERE wave_no = %s", self.last, number)

    def write(self):
        ids, waves, names, targets, states = map(list, zip(*self.rows))
        self.sql.execute("""INSERT INTO migrations (id, wave_no, project, brz_project_id, state)
            SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::migration_state[])""",
                         ids, waves, names, targets, states)
        self.sql.execute("""INSERT INTO active (migration_id, wave_no, state, attempt)
            SELECT id, wave_no, state, 1 FROM migrations WHERE state IN ('running', 'parked', 'retrying')""")
        self.sql.execute("INSERT INTO dead (migration_id, wave_no) SELECT id, wave_no FROM migrations WHERE state = 'failed'")
        self.sql.execute("""INSERT INTO wave_progress (wave_no, shard, completed, failed, cancelled)
            SELECT wave_no, id % 3, count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'failed'),
                   count(*) FILTER (WHERE state = 'cancelled') FROM migrations GROUP BY 1, 2""")
        self.sql.execute("""UPDATE waves w SET completed_at = now(), state = (ARRAY['completed', 'error', 'stopped'])[1 + w.wave_no % 3]::wave_state
            WHERE NOT EXISTS (SELECT FROM migrations m
            WHERE m.wave_no = w.wave_no AND m.state NOT IN ('completed', 'failed', 'cancelled'))""")
        self.sql.execute("""UPDATE waves SET state = (ARRAY['running', 'ready', 'paused', 'planning', 'stopped'])[1 + wave_no % 5]::wave_state
            WHERE completed_at IS NULL""")


@pytest.fixture(scope="module")
def fleet(make_fleet):
    """No workers, who would mend what is only written. Two waves have migrations added later, over two others each."""
    fleet = make_fleet(watched=False)
    history = History(fleet.sql, random.Random(20261125))
    late = []
    for size in (1, 40, 700, 3, 1500, 60, 5, 900, 2):
        for mix in MIXES:
            made = history.wave(size, mix, added=1 + size // 3 if size in (3, 700) else 0)
            late += [made] if made[1] else []
            if len(late) == 2:
                history.add(*late.pop(0))
    for rest in late:
        history.add(*rest)
    history.write()
    return fleet


def query_of(**filters):
    return "&".join(f"{k}={quote(str(v), safe='')}" for k, v in filters.items() if v is not None)


def paged(fleet, path, query, limit, key, pages=40):
    """The first pages of a list, one row behind the other."""
    found, cursor = [], ""
    for _ in range(pages):
        page = fleet.http.get(f"{path}?{query}&limit={limit}{cursor}").json
        found += [m[key] for m in page["data"]]
        if not page["next_cursor"]:
            return found, True
        cursor = f"&cursor={page['next_cursor']}"
    return found, False


@pytest.mark.parametrize("status, states", [
    (None, ()), ("pending", ("planning", "ready")), ("in_progress", ("running",)), ("paused", ("paused",)), ("completed", ("completed",)),
    ("error", ("error",)), ("stopped", ("stopped",))])
def test_waves_newest_first(fleet, status, states):
    wanted = [r["wave_id"] for r in fleet.sql.rows("""SELECT wave_id FROM waves WHERE %s::text IS NULL OR state = ANY (%s::wave_state[])
        ORDER BY wave_no DESC""", status, list(states))]
    assert wanted and paged(fleet, "/api/waves", query_of(status=status), 4, "id") == (wanted, True)


WHERE = """(%s::text IS NULL OR state = ANY (%s::migration_state[])) AND (%s::text IS NULL OR starts_with(project, %s))"""


def where(status, beginning):
    return status, list(STATUSES.get(status, [])), beginning, beginning


@pytest.mark.parametrize("limit", [7, 500])
@pytest.mark.parametrize("status", [None, *STATUSES])
@pytest.mark.parametrize("beginning", [None, "a", "ab", "b%", "b_", "Größe", "a17", "none"])
def test_migrations_newest_first(fleet, beginning, status, limit):
    wanted = [f"m{r['id']}" for r in fleet.sql.rows(f"SELECT id FROM migrations WHERE {WHERE} ORDER BY id DESC", *where(status, beginning))]
    found, whole = paged(fleet, "/api/migrations", query_of(status=status, mb_project_uuid=beginning), limit, "ref")
    assert found == (wanted if whole else wanted[:len(found)])


@pytest.mark.parametrize("status", [None, "completed", "error"])
def test_migrations_of_a_target(fleet, status):
    wanted = [f"m{r['id']}" for r in fleet.sql.rows(
        f"SELECT id FROM migrations WHERE brz_project_id = 17 AND {WHERE} ORDER BY id DESC", *where(status, None))]
    assert paged(fleet, "/api/migrations", query_of(status=status, brz_project_id=17), 50, "ref") == (wanted, True)


@pytest.mark.parametrize("beginning", [None, "a", "ab", "Größe", "none"])
def test_migrations_of_each_wave(fleet, beginning):
    waves = fleet.sql.rows("SELECT wave_no, wave_id FROM waves ORDER BY wave_no")
    for wave, status in itertools.product(waves, [None, *STATUSES]):
        wanted = [r["id"] for r in fleet.sql.rows(
            f"SELECT id FROM migrations WHERE wave_no = %s AND {WHERE} ORDER BY id", wave["wave_no"], *where(status, beginning))]
        found, whole = paged(fleet, f"/api/waves/{wave['wave_id']}/migrations",
                             query_of(status=status, mb_project_uuid=beginning), 300, "id")
        assert whole and found == wanted, (wave, status)


@pytest.mark.parametrize("beginning, text", [(None, None), ("a", None), ("Größe", None), (None, "A1")])
def test_rows_by_their_number(fleet, beginning, text):
    chance = random.Random(7)
    for wave, status in itertools.product(fleet.sql.rows("SELECT wave_no, wave_id, total FROM waves"), [None, *STATUSES]):
        wanted = [r["id"] for r in fleet.sql.rows(f"""SELECT id FROM migrations WHERE wave_no = %s AND {WHERE}
            AND (%s::text IS NULL OR strpos(lower(project COLLATE "default"), lower(%s)) > 0) ORDER BY id""",
            wave["wave_no"], *where(status, beginning), text, text)]
        at = chance.randint(0, wave["total"])
        query = query_of(status=status, mb_project_uuid=beginning, text=text, offset=at, limit=20)
        found = [m["id"] for m in fleet.http.get(f"/api/waves/{wave['wave_id']}/migrations?{query}").data]
        assert found == wanted[at:at + 20], (wave, status, at)


@pytest.mark.parametrize("text", ["B%", "größe-über", "GRÖSSE", "A1", "ßE-Ü"])
def test_part_of_a_name_in_any_case(fleet, text):
    for wave in fleet.sql.rows("SELECT wave_no, wave_id FROM waves WHERE total BETWEEN 700 AND 1500"):
        wanted = [r["id"] for r in fleet.sql.rows("""SELECT id FROM migrations WHERE wave_no = %s
            AND strpos(lower(project COLLATE "default"), lower(%s)) > 0 ORDER BY id""", wave["wave_no"], text)]
        assert paged(fleet, f"/api/waves/{wave['wave_id']}/migrations", query_of(text=text), 500, "id") == (wanted, True)
