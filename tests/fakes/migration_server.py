#!/usr/bin/python3
"""A fake migration server: start, status, log, health, handshake and webhooks
as the real one has them, well or badly mannered for each project.

    GET  /?mb_project_uuid=…          start            POST /_control  behaviour
    GET  /migration-status, /migration_log, /health    GET  /_ledger   what was seen
    GET  /dashboard-handshake                          GET  /_behaviours

Behaviours are described in behaviour.py; a project named `twice--17` shows the
preset `twice`. POST /_control takes {"default": {…}, "projects": {uuid: {…}},
"webhook_gaps_ms": [5000, 15000, 30000, 30000], "reset": true}. What runs keeps
the behaviour it was started with.
"""

import email.utils
import http.client
import json
import re
import threading
import time
from datetime import datetime, timezone
from urllib.parse import urlsplit

import behaviour
from clockwork import Clockwork
from ledger import Ledger
from serving import Running, main

REQUIRED = ("mb_project_uuid", "brz_project_id", "mb_site_id", "mb_secret",
            "webhook_url", "webhook_mb_project_uuid", "webhook_brz_project_id")
NUMBERS = ("brz_project_id", "mb_site_id", "webhook_brz_project_id")
HUGE = 24 << 20
TRY_GAPS_MS = (5000, 15000, 30000, 30000)
TOKEN = re.compile(r"[A-Za-z0-9_\-]{16,}")


class Run:
    """One run of a pair (mb_project_uuid, brz_project_id), under way or ended."""

    def __init__(self, params, rules, era):
        self.era = era
        self.params = params
        self.rules = rules
        self.started = time.time()
        self.ended = None

    @property
    def under_way(self):
        return self.ended is None


class MigrationServer:
    """The state behind the routes; every method is safe from any thread."""

    def __init__(self):
        self.lock = threading.RLock()
        self.clockwork = Clockwork()
        self.ledger = Ledger()
        self.restore()

    def restore(self):
        with self.lock:
            self.default, self.own = {}, {}
            self.gaps_ms = list(TRY_GAPS_MS)
            self.runs = {}           # pair -> its newest Run that the server remembers
            self.starts = {}         # pair -> start calls so far
            self.asked = {}          # pair -> status calls since the last start
            self.era = object()      # what belongs to an earlier one is not heard of again
            self.clockwork.forget_all()
            self.ledger.clear()

    def close(self):
        self.clockwork.stop()

    def control(self, wanted):
        """What POST /_control does; also for tests in the same process."""
        with self.lock:
            if wanted.get("reset"):
                self.restore()
            if "default" in wanted:
                self.default = behaviour.check(wanted["default"])
            for project, fields in wanted.get("projects", {}).items():
                self.own[project] = behaviour.check(fields)
            self.gaps_ms = wanted.get("webhook_gaps_ms", self.gaps_ms)

    def rules(self, project):
        return behaviour.resolve(project, self.default, self.own.get(project, {}))

    # ---- routes ----

    def handle(self, x):
        route = ROUTES.get((x.command, x.route))
        if route:
            route(self, x)
        else:
            x.json(404, {"error": "no such route"})

    def on_start(self, x):
        missing = missing_of(x.query)
        if missing:
            self.ledger.add("bad_start", params=x.query, missing=missing)
            return x.json(400, {"error": "missing or wrong parameters: " + ", ".join(missing)})
        pair = (x.query["mb_project_uuid"], int(x.query["brz_project_id"]))
        rules = self.rules(pair[0])
        with self.lock:
            number = self.starts[pair] = self.starts.get(pair, 0) + 1
            refused = rules["start_fail"] < 0 or number <= rules["start_fail"]
            faulty = number - max(rules["start_fail"], 0) <= rules["start_fault_times"]
            fault = rules["start_fault"] if faulty and not refused else None
            begins = not refused and (fault is None or rules["start_fault_began"])
            before = self.runs.get(pair)
            double = begins and before is not None and before.under_way
            self.ledger.add("start", pair=pair, number=number, params=x.query, double=double,
                            began=begins, fault=fault, refused=rules["start_fail_status"] if refused else None)
            run = self.begin(pair, x.query, rules, number) if begins else None
        if refused:
            return self.refuse(x, rules)
        if run and rules["webhook_before_answer"]:
            self.end(pair, run)
            self.send_webhook(run, final_payload(run))
        time.sleep(rules["start_delay_ms"] / 1000)
        if fault:
            return misbehave(x, fault)
        x.json(rules["start_status"], {"status": "in_progress", "message": "Миграция запущена",
                                       "mb_project_uuid": pair[0], "brz_project_id": pair[1]})

    def refuse(self, x, rules):
        after, headers = rules["start_fail_retry_after"], []
        if after is not None:
            if after.startswith("date:"):
                after = email.utils.formatdate(time.time() + float(after[5:]), usegmt=True)
            headers.append(("Retry-After", after))
        x.json(rules["start_fail_status"], {"error": "Сервер временно недоступен"}, headers)

    def on_status(self, x):
        pair = pair_of(x.query)
        rules = self.rules(pair[0])
        with self.lock:
            run = self.runs.get(pair)
            asked = self.asked[pair] = self.asked.get(pair, 0) + 1
            started = pair in self.starts
            answer = status_answer(run, rules, started)
        fault = rules["status_fault"] if started and asked <= rules["status_fault_times"] else None
        self.ledger.add("status", pair=pair, fault=fault, answered=answer and answer["status"])
        if fault and fault.isdigit():
            return x.json(int(fault), {"error": "не найдено" if fault == "404" else "внутренняя ошибка"})
        if fault:
            return misbehave(x, fault)
        if answer is None:
            return x.json(404, {"error": "миграция неизвестна"})
        x.json(200, answer)

    def on_log(self, x):
        self.ledger.add("log", params=x.query)
        x.raw(200, f"лог проекта {x.query.get('brz_project_id')}\nстраница 1 готова\n".encode(), "text/plain; charset=utf-8")

    def on_health(self, x):
        self.ledger.add("health")
        x.json(200, {"status": "healthy"})

    def on_handshake(self, x):
        url, error = x.query.get("dashboard_callback_url", ""), None
        try:
            status, _ = post_json(url, {"source": "migration_server", "handshake": True})
            error = None if 200 <= status < 300 else f"HTTP {status}"
        except (OSError, ValueError, http.client.HTTPException) as e:
            error = str(e)
        self.ledger.add("handshake", url=url, error=error)
        x.json(200, {"service": "migration-server", "server_id": "fake-1", "client_ip": x.client_address[0],
                     "timestamp": rfc3339(time.time()), "handshake_with_dashboard": "fail" if error else "ok",
                     "handshake_error": error})

    def on_control(self, x):
        try:
            self.control(json.loads(x.body))
        except ValueError as e:
            return x.json(400, {"error": str(e)})
        x.json(200, {"ok": True})

    def on_ledger(self, x):
        x.json(200, self.report(x.query.get("mb_project_uuid")))

    def on_behaviours(self, x):
        x.json(200, {"fields": {k: {"default": d, "what": w} for k, (d, w) in behaviour.FIELDS.items()},
                     "presets": behaviour.PRESETS})

    # ---- runs and webhooks ----

    def begin(self, pair, params, rules, number):
        run = Run(params, rules, self.era)
        self.asked[pair] = 0
        forgotten = number - max(rules["start_fail"], 0) <= rules["forget_starts"]
        if forgotten:
            self.runs.pop(pair, None)
            return run
        self.runs[pair] = run
        hostile = rules["hostile"]
        if hostile:
            payload = dict(echo(run), status=hostile["status"], error="not from the server")
            self.clockwork.after(0.2, self.send_webhook, run, payload, hostile["token"])
        for i in range(rules["webhook_progress"]):
            at = rules["run_ms"] / 1000 * (i + 1) / (rules["webhook_progress"] + 1)
            payload = dict(echo(run), status="in_progress", progress=progress_of(run, at))
            self.clockwork.after(at, self.send_webhook, run, payload)
        if not rules["webhook_before_answer"]:
            self.clockwork.after(rules["run_ms"] / 1000, self.finish, pair, run)
        return run

    def end(self, pair, run):
        with self.lock:
            run.ended = time.time()

    def finish(self, pair, run):
        self.end(pair, run)
        rules = run.rules
        tries = {"never": 0, "once": 1, "twice": 2}[rules["webhook"]]
        for _ in range(tries):
            self.clockwork.after(rules["webhook_delay_ms"] / 1000, self.send_webhook, run,
                                 final_payload(run), rules["webhook_token"])

    def send_webhook(self, run, payload, token="right", tried=0):
        """One try; another follows until a 2xx, up to five in all."""
        if run.era is not self.era:
            return
        url = disguise(run.params["webhook_url"], token)
        try:
            status, answer = post_json(url, payload)
        except (OSError, ValueError, http.client.HTTPException) as e:
            status, answer = None, str(e)
        if run.era is not self.era:
            return
        self.ledger.add("webhook", pair=pair_of(run.params), url=url, token=token, payload=payload,
                        number=tried + 1, status=status, answer=answer)
        delivered = status is not None and 200 <= status < 300
        if not delivered and tried < len(self.gaps_ms):
            self.clockwork.after(self.gaps_ms[tried] / 1000, self.send_webhook, run, payload, token, tried + 1)

    # ---- what tests read ----

    def report(self, project=None):
        def rows(kind):
            found = self.ledger.of(kind)
            return [r for r in found if project is None or r.get("pair", [None])[0] == project]
        starts, statuses = rows("start"), rows("status")
        with self.lock:
            under_way = [pair for pair, run in self.runs.items() if run.under_way]
        return {
            "starts": starts, "statuses": statuses, "webhooks": rows("webhook"), "bad_starts": rows("bad_start"),
            "logs": rows("log"), "healths": rows("health"), "handshakes": rows("handshake"),
            "double_starts": [r for r in starts if r["double"]],
            "under_way": under_way,
            "secrets_seen": sorted({r["params"]["mb_secret"] for r in starts}),
            "webhook_urls_used_twice": len(starts) - len({r["params"]["webhook_url"] for r in starts}),
            "max_calls_per_second": self.ledger.peak_per_second("start", "bad_start", "status", "log"),
            "max_calls_per_5_seconds": self.ledger.peak_per_second("start", "bad_start", "status", "log", window_s=5),
        }


ROUTES = {
    ("GET", "/"): MigrationServer.on_start,
    ("GET", "/migration-status"): MigrationServer.on_status,
    ("GET", "/migration_log"): MigrationServer.on_log,
    ("GET", "/health"): MigrationServer.on_health,
    ("GET", "/dashboard-handshake"): MigrationServer.on_handshake,
    ("POST", "/_control"): MigrationServer.on_control,
    ("GET", "/_ledger"): MigrationServer.on_ledger,
    ("GET", "/_behaviours"): MigrationServer.on_behaviours,
}


# ---- words and forms ----

def missing_of(query):
    """The required parameters that are not there, empty, or no positive integer."""
    wrong = [name for name in REQUIRED if not query.get(name)]
    return wrong + [n for n in NUMBERS if n not in wrong and not re.fullmatch(r"[1-9][0-9]*", query[n])]


def pair_of(query):
    number = query.get("brz_project_id", "")
    return (query.get("mb_project_uuid", ""), int(number) if number.isdigit() else number)


def rfc3339(at, fraction=True):
    when = datetime.fromtimestamp(at, timezone.utc)
    return when.isoformat(timespec="milliseconds" if fraction else "seconds").replace("+00:00", "Z")


def time_word(at, rules):
    if rules["status_time_format"] == "epoch":
        return int(at)
    return rfc3339(at, rules["status_time_format"] == "rfc3339")


def progress_of(run, ran_s):
    total, rules = 20, run.rules
    share = min(1.0, ran_s / max(rules["run_ms"] / 1000, 0.001))
    done = total if rules["progress"] == "hundred" else int(total * share)
    if rules["progress"] == "none":
        return None
    if rules["progress"] == "totals":
        return {"Total": total, "Success": done, "processTime": round(ran_s, 1)}
    return {"total_pages": total, "processed_pages": done, "progress_percent": done * 100 // total,
            "current_stage": "страницы"}


def status_answer(run, rules, started):
    """The body of a 200, or None where the server does not know the pair."""
    if run is None:
        return earlier_answer(rules["earlier"]) if rules["earlier"] and not started else None
    rules, now = run.rules, time.time()
    answer = {"status": "in_progress" if run.under_way else rules["outcome"]}
    times = {"started_at": run.started, "updated_at": run.ended or now}
    if run.under_way:
        progress = progress_of(run, now - run.started)
        answer.update({"progress": progress} if progress else {})
    elif rules["outcome"] == "completed":
        answer.update(result_of(run))
        times["completed_at"] = run.ended
    else:
        answer["error"] = rules["error"]
        times["failed_at"] = run.ended
    if rules["status_words"] == "synonyms":
        answer["status"] = {"completed": "success", "error": "failed"}.get(answer["status"], answer["status"])
    if rules["status_times"]:
        answer.update({name: time_word(at, rules) for name, at in times.items()})
    return answer


def earlier_answer(earlier):
    at = time.time() - earlier.get("age_s", 3600)
    answer = {"status": earlier["status"]}
    if earlier["status"] == "error":
        answer["error"] = earlier.get("error", "an earlier run failed")
    else:
        answer.update({"brizy_project_id": 1, "brizy_project_domain": "yesterday.example", "migration_id": "old-1"})
    if earlier.get("times", True):
        answer.update({"started_at": rfc3339(at), "updated_at": rfc3339(at + 60)})
    return answer


def result_of(run):
    number = int(run.params["brz_project_id"])
    return {"brizy_project_id": number, "brizy_project_domain": f"project-{number}.brizy.example",
            "migration_id": f"mig-{number}"}


def echo(run):
    p = run.params
    fields = {"mb_project_uuid": p["webhook_mb_project_uuid"], "brz_project_id": int(p["webhook_brz_project_id"])}
    if p.get("wave_id"):
        fields["migration_uuid"] = p["wave_id"]
    return fields


def final_payload(run):
    rules = run.rules
    payload = echo(run)
    if rules["outcome"] == "completed":
        payload.update(result_of(run), date=time.strftime("%Y-%m-%d"), theme="Anthem", mb_product_name="Сайт")
    else:
        text = rules["error"]
        payload["error"] = {"message": text, "code": 17} if rules["webhook_error_object"] else text
    if rules["webhook_status"] is not None:
        payload["status"] = rules["outcome"] if rules["webhook_status"] == "auto" else rules["webhook_status"]
    payload.update(rules["webhook_extra"])
    return payload


def disguise(url, token):
    """The webhook's address with its token as it is, altered, or taken away."""
    if token == "right":
        return url
    head, mark, tail = url.partition("migration-result")
    if token == "none":
        return head + mark
    longest = max(TOKEN.findall(tail), key=len, default="")
    return head + mark + (tail.replace(longest, longest[::-1]) if longest else "?token=forgedforgedforged")


def post_json(url, payload):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        target = parts.path + ("?" + parts.query if parts.query else "")
        connection.request("POST", target, json.dumps(payload, ensure_ascii=False).encode(),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read(65536).decode("utf-8", "replace")
    finally:
        connection.close()


def misbehave(x, fault):
    """Answers that are none. The status line says 200 wherever there is one."""
    if fault == "hang":
        x.hang(120)
    elif fault == "reset":
        x.reset()
    elif fault == "html":
        x.raw(200, "<html><body><h1>Ведутся работы</h1></body></html>".encode(), "text/html; charset=utf-8")
    elif fault == "truncated":
        x.raw(200, b'{"status":"in_pro', claimed_length=180)
    elif fault == "empty":
        x.raw(200, b"")
    elif fault == "huge":
        x.raw(200, b'{"status":"in_progress","message":"' + b"x" * HUGE + b'"}')
    elif fault == "types":
        x.json(200, {"status": 7, "progress": "many", "mb_project_uuid": [], "brz_project_id": {"a": None}, "error": 3.5})
    else:
        raise ValueError(f'unknown fault "{fault}"')


def start_in_thread():
    """For tests in the same process: `with start_in_thread() as r: r.url, r.app`."""
    return Running(MigrationServer())


if __name__ == "__main__":
    main(MigrationServer, "migration-server")
