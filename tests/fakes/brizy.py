#!/usr/bin/python3
"""A fake Brizy: workspaces, projects, cloning links. Names are not unique
here, as with the real one, so that a second create of one name is seen.

POST /_control takes {"token": …, "workspaces": [names], "projects":
[[workspace name, project name]], "create_faults": [{"status": 502, "created":
true, "retry_after": "1"}, …] (taken one by one by the next creates), "list_faults":
[…], "delay_ms": N (every create), "create_array": true (answer as an array),
"reset": true}. GET /_ledger says what was created and asked.
"""

import json
import re
import threading
import time
from collections import Counter

from ledger import Ledger
from serving import Running, main

TOKEN = "brizy-token-for-tests"


class Brizy:
    def __init__(self):
        self.lock = threading.Lock()
        self.ledger = Ledger()
        self.restore()

    def restore(self):
        self.token, self.delay_ms, self.create_array = TOKEN, 0, False
        self.create_faults, self.list_faults = [], []
        self.workspaces, self.projects, self.next_id = [], [], 1000
        self.ledger.clear()

    def close(self):
        pass

    def control(self, wanted):
        with self.lock:
            if wanted.get("reset"):
                self.restore()
            self.token = wanted.get("token", self.token)
            self.delay_ms = wanted.get("delay_ms", self.delay_ms)
            self.create_array = wanted.get("create_array", self.create_array)
            self.create_faults.extend(wanted.get("create_faults", ()))
            self.list_faults.extend(wanted.get("list_faults", ()))
            for name in wanted.get("workspaces", ()):
                self.insert(self.workspaces, {"name": name})
            for workspace, name in wanted.get("projects", ()):
                owner = next(w["id"] for w in self.workspaces if w["name"] == workspace)
                self.insert(self.projects, {"name": name, "workspace": owner})

    def insert(self, rows, row):
        self.next_id += 1
        row["id"] = self.next_id
        row["cloning"] = False
        rows.append(row)
        return row

    def handle(self, x):
        if x.route.startswith("/_"):
            return self.handle_control(x)
        if x.headers.get("x-auth-user-token") != self.token:
            self.ledger.add("refused", route=x.route)
            return x.json(401, {"message": "unauthorized"})
        self.ledger.add("call", method=x.command, route=x.route, query=x.query)
        cloning = re.fullmatch(r"/api/projects/(\d+)/cloning_link", x.route)
        if x.command == "PUT" and cloning:
            return self.put_cloning(x, int(cloning.group(1)))
        handler = ROUTES.get((x.command, x.route))
        if not handler:
            return x.json(404, {"message": "no such route"})
        handler(self, x)

    def handle_control(self, x):
        if x.route == "/_control":
            self.control(json.loads(x.body))
            return x.json(200, {"ok": True})
        x.json(200, self.report())

    def answer_list(self, x, rows):
        with self.lock:
            fault = self.list_faults.pop(0) if self.list_faults else None
            rows = [{"id": r["id"], "name": r["name"]} for r in rows]
        if fault:
            return fail(x, fault)
        try:
            page, count = max(1, int(x.query.get("page", 1))), min(100, int(x.query.get("count", 100)))
        except ValueError:
            return x.json(400, {"message": "page and count are integers"})
        x.json(200, rows[(page - 1) * count:page * count])

    def create(self, x, kind, rows, row):
        if x.headers.get_content_type() != "application/x-www-form-urlencoded" or not row.get("name"):
            return x.json(400, {"message": "name is required, form-urlencoded"})
        time.sleep(self.delay_ms / 1000)
        with self.lock:
            fault = self.create_faults.pop(0) if self.create_faults else None
            created = self.insert(rows, row) if not fault or fault.get("created") else None
            self.ledger.add("create", what=kind, name=row["name"], workspace=row.get("workspace"),
                            id=created and created["id"], fault=fault)
        if fault:
            return fail(x, fault)
        answer = {"id": created["id"], "name": created["name"]}
        x.json(201, [answer] if self.create_array else answer)

    def get_workspaces(self, x):
        self.answer_list(x, self.workspaces)

    def post_workspaces(self, x):
        self.create(x, "workspace", self.workspaces, {"name": x.form().get("name")})

    def get_projects(self, x):
        wanted = x.query.get("workspace")
        self.answer_list(x, [p for p in self.projects if wanted is None or str(p["workspace"]) == wanted])

    def post_projects(self, x):
        form = x.form()
        owner = next((w["id"] for w in self.workspaces if str(w["id"]) == form.get("workspace")), None)
        if owner is None:
            return x.json(400, {"message": "unknown workspace"})
        self.create(x, "project", self.projects, {"name": form.get("name"), "workspace": owner})

    def put_cloning(self, x, project_id):
        form = x.form() or x.query
        project = next((p for p in self.projects if p["id"] == project_id), None)
        if project is None:
            return x.json(404, {"message": "unknown project"})
        project["cloning"] = form.get("enabled") == "1"
        x.json(200, {"enabled": project["cloning"]})

    def report(self):
        with self.lock:
            workspaces, projects = [dict(w) for w in self.workspaces], [dict(p) for p in self.projects]
        keys = [("workspace", w["name"]) for w in workspaces]
        keys += [("project", p["workspace"], p["name"]) for p in projects]
        return {"workspaces": workspaces, "projects": projects,
                "duplicates": sorted((k for k, n in Counter(keys).items() if n > 1), key=str),
                "creates": self.ledger.of("create"), "calls": self.ledger.of("call"),
                "refused": self.ledger.of("refused")}


ROUTES = {
    ("GET", "/api/2.0/workspaces"): Brizy.get_workspaces,
    ("POST", "/api/2.0/workspaces"): Brizy.post_workspaces,
    ("GET", "/api/2.0/projects"): Brizy.get_projects,
    ("POST", "/api/2.0/projects"): Brizy.post_projects,
}


def fail(x, fault):
    if fault["status"] == "reset":
        return x.reset()
    headers = [("Retry-After", fault["retry_after"])] if fault.get("retry_after") else []
    x.raw(fault["status"], b"<html>Bad Gateway</html>", "text/html", headers=headers)


def start_in_thread():
    return Running(Brizy())


if __name__ == "__main__":
    main(Brizy, "brizy")
