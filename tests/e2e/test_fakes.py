"""The fakes themselves: a fake that behaves otherwise than its ledger says
would make every test above it worthless."""

from urllib.parse import urlencode

import pytest

import brizy as fake_brizy
from http_client import Client
from serving import Running
from wavefleet import wait_until


class Sink:
    """Takes webhooks and answers as told."""

    def __init__(self):
        self.got, self.status = [], 200

    def handle(self, x):
        self.got.append((x.path, x.body))
        x.json(self.status, {"success": self.status == 200})

    def close(self):
        pass


@pytest.fixture
def sink():
    with Running(Sink()) as running:
        yield running


@pytest.fixture
def server(migration_server, sink):
    migration_server.app.control({"reset": True, "webhook_gaps_ms": [20, 20, 20, 20]})
    client = Client(migration_server.port, timeout_s=5)

    def start(project, number=1):
        return client.get("/?" + urlencode({
            "mb_project_uuid": project, "brz_project_id": number, "mb_site_id": 5, "mb_secret": "s",
            "webhook_url": sink.url + "/api/webhooks/migration-result?token=abcdefghijklmnopqrstuvwxyz",
            "webhook_mb_project_uuid": project, "webhook_brz_project_id": number}))
    migration_server.start, migration_server.client = start, client
    return migration_server


def test_a_double_start_is_seen(server):
    server.app.control({"projects": {"a": {"run_ms": 600_000}}})
    assert server.start("a").status == 202
    server.app.control({"projects": {"a": {}}})
    assert server.start("a").status == 202
    assert [d["pair"] for d in server.app.report()["double_starts"]] == [("a", 1)]
    wait_until(lambda: not server.app.report()["under_way"], 5, "the end")
    server.start("a")
    assert len(server.app.report()["double_starts"]) == 1, "the next one after the end is none"


def test_missing_parameters_are_refused(server):
    reply = server.client.get("/?mb_project_uuid=x&brz_project_id=0")
    assert reply.status == 400 and "mb_secret" in reply.json["error"] and "brz_project_id" in reply.json["error"]


def test_webhooks_are_tried_five_times(server, sink):
    sink.app.status = 500
    server.start("a")
    wait_until(lambda: len(server.app.report()["webhooks"]) == 5, 5, "five tries")
    assert [w["number"] for w in server.app.report()["webhooks"]] == [1, 2, 3, 4, 5] and len(sink.app.got) == 5


def test_forged_and_tokenless(server, sink):
    server.start("forged--1")
    server.start("tokenless--1", 2)
    wait_until(lambda: len(sink.app.got) == 4, 5, "four webhooks")
    assert not any("token=abcdefghijklmnopqrstuvwxyz" in path for path, _ in sink.app.got)


def test_refusals_then_a_start(server):
    replies = [server.start("start503after--1") for _ in range(2)]
    assert [r.status for r in replies] == [503, 202] and replies[0].headers["Retry-After"] == "2"
    assert [s["began"] for s in server.app.report()["starts"]] == [False, True]


def test_a_typing_error_in_a_behaviour_is_refused(server):
    assert server.client.post("/_control", {"default": {"run_msec": 5}}).status == 400


def test_brizy_sees_a_second_one_of_a_name(brizy):
    client = Client(brizy.port)
    head = {"x-auth-user-token": fake_brizy.TOKEN, "Content-Type": "application/x-www-form-urlencoded"}
    brizy.app.control({"reset": True, "create_faults": [{"status": 502, "created": True}]})
    assert [client.post("/api/2.0/workspaces", "name=N", headers=head).status for _ in range(2)] == [502, 201]
    assert brizy.app.report()["duplicates"] == [("workspace", "N")]
    assert client.get("/api/2.0/workspaces?page=1&count=100").status == 401
