"""How the fake migration server behaves towards one project: the fields, and
presets that a project asks for by its name (`<preset>--anything`)."""

RUSSIAN_ERROR = "Ошибка: страница «Главная» не найдена (код 17)"

# field: (default, what it does)
FIELDS = {
    # the run
    "run_ms": (300, "how long a run takes"),
    "outcome": ("completed", "completed | error"),
    "error": ("conversion failed", "text of an error outcome"),
    "forget_starts": (0, "the first N runs are forgotten: status 404, no webhook"),
    # the answer to a start
    "start_status": (202, "200 | 202"),
    "start_delay_ms": (0, "before the answer"),
    "start_fail": (0, "the first N starts fail and begin nothing; -1: all"),
    "start_fail_status": (503, "their status"),
    "start_fail_retry_after": (None, "seconds as text, or 'date:<seconds from now>'"),
    "start_fault": (None, "hang | reset | html | truncated | empty | huge | types"),
    "start_fault_times": (1, "the first N starts show it"),
    "start_fault_began": (True, "whether the run begins all the same"),
    # the webhook
    "webhook": ("once", "once | twice | never"),
    "webhook_delay_ms": (0, "after the end of the run"),
    "webhook_before_answer": (False, "delivered before the start is answered; the run takes no time"),
    "webhook_token": ("right", "right | forged | none"),
    "webhook_status": ("auto", "auto | the word to send | None: left out"),
    "webhook_error_object": (False, "error as an object"),
    "webhook_extra": ({}, "fields to add"),
    "webhook_progress": (0, "N in_progress webhooks while it runs"),
    "hostile": (None, "{token, status}: a webhook somebody else sends early in the run"),
    # the status
    "status_fault": (None, "404 | 500 | 503 | reset | html | truncated | empty | huge | types"),
    "status_fault_times": (1, "the first N status calls after a start show it"),
    "status_words": ("plain", "plain | synonyms (success, failed)"),
    "status_times": (True, "False: no started_at, updated_at, completed_at, failed_at"),
    "status_time_format": ("rfc3339", "rfc3339 | seconds (no fraction) | epoch"),
    "progress": ("percent", "percent | totals | hundred | none"),
    "earlier": (None, "{status, age_s, times, error}: final status of a run before the first start"),
}

PRESETS = {
    "plain": {},
    "answer200": {"start_status": 200},
    "slowanswer": {"start_delay_ms": 300},
    "russian": {"outcome": "error", "error": RUSSIAN_ERROR},
    "russianpoll": {"outcome": "error", "error": RUSSIAN_ERROR, "webhook": "never"},
    "errorobject": {"outcome": "error", "webhook_error_object": True},
    "twice": {"webhook": "twice"},
    "twiceerror": {"webhook": "twice", "outcome": "error"},
    "never": {"webhook": "never"},
    "nevererror": {"webhook": "never", "outcome": "error"},
    "late": {"webhook_delay_ms": 4000},
    "lateerror": {"webhook_delay_ms": 4000, "outcome": "error"},
    "early": {"webhook_before_answer": True, "start_delay_ms": 200},
    "earlyerror": {"webhook_before_answer": True, "start_delay_ms": 200, "outcome": "error"},
    "forged": {"webhook_token": "forged", "hostile": {"token": "forged", "status": "error"}, "run_ms": 900},
    "tokenless": {"webhook_token": "none", "hostile": {"token": "none", "status": "error"}, "run_ms": 900},
    "success": {"webhook_status": "success", "status_words": "synonyms"},
    "failed": {"webhook_status": "failed", "status_words": "synonyms", "outcome": "error"},
    "successpoll": {"webhook": "never", "status_words": "synonyms"},
    "failedpoll": {"webhook": "never", "status_words": "synonyms", "outcome": "error"},
    "nostatus": {"webhook_status": None},
    "nostatuserror": {"webhook_status": None, "outcome": "error"},
    "extra": {"webhook_extra": {"новое": {"a": [1, 2, None]}, "pages_total": 42, "theme": "Zion", "warnings": ["w1"]}},
    "progressonly": {"webhook": "never", "webhook_progress": 3, "run_ms": 6000},
    "hang": {"start_fault": "hang"},
    "hangerror": {"start_fault": "hang", "outcome": "error", "run_ms": 3500},
    "hanglong": {"start_fault": "hang", "webhook": "never", "run_ms": 5000},
    "hangnobegin": {"start_fault": "hang", "start_fault_began": False},
    "start404": {"start_fail": 2, "start_fail_status": 404},
    "start500": {"start_fail": 2, "start_fail_status": 500},
    "start503": {"start_fail": 2, "start_fail_status": 503},
    "start503after": {"start_fail": 1, "start_fail_status": 503, "start_fail_retry_after": "2"},
    "start503date": {"start_fail": 1, "start_fail_status": 503, "start_fail_retry_after": "date:3"},
    "start429after": {"start_fail": 1, "start_fail_status": 429, "start_fail_retry_after": "2"},
    "start500always": {"start_fail": -1, "start_fail_status": 500},
    "start400": {"start_fail": -1, "start_fail_status": 400},
    "html": {"start_fault": "html"},
    "htmlnobegin": {"start_fault": "html", "start_fault_began": False},
    "truncated": {"start_fault": "truncated"},
    "truncatednobegin": {"start_fault": "truncated", "start_fault_began": False},
    "empty": {"start_fault": "empty"},
    "huge": {"start_fault": "huge"},
    "types": {"start_fault": "types"},
    "reset": {"start_fault": "reset"},
    "resetnobegin": {"start_fault": "reset", "start_fault_began": False},
    "lost": {"forget_starts": 1},
    "status404once": {"webhook_delay_ms": 2000, "status_fault": "404"},
    "status500": {"webhook": "never", "status_fault": "500", "status_fault_times": 2},
    "status503": {"webhook": "never", "status_fault": "503", "status_fault_times": 2},
    "statushtml": {"webhook": "never", "status_fault": "html", "status_fault_times": 2},
    "statustruncated": {"webhook": "never", "status_fault": "truncated", "status_fault_times": 2},
    "statusempty": {"webhook": "never", "status_fault": "empty", "status_fault_times": 2},
    "statushuge": {"webhook": "never", "status_fault": "huge"},
    "statustypes": {"webhook": "never", "status_fault": "types", "status_fault_times": 2},
    "statusreset": {"webhook": "never", "status_fault": "reset", "status_fault_times": 2},
    "notimes": {"webhook": "never", "status_times": False},
    "earliererror": {"webhook": "never", "run_ms": 1500, "earlier": {"status": "error", "age_s": 3600, "error": "of yesterday"}},
    "earliercompleted": {
        "webhook": "never", "run_ms": 1500, "outcome": "error",
        "earlier": {"status": "completed", "age_s": 3600},
    },
    "earliernotimes": {
        "webhook": "never", "run_ms": 2500, "status_times": False,
        "earlier": {"status": "error", "age_s": 3600, "times": False, "error": "of yesterday"},
    },
    "totals": {"webhook": "never", "progress": "totals", "run_ms": 1200},
    "hundred": {"webhook": "never", "progress": "hundred", "run_ms": 2000, "outcome": "error"},
    "noprogress": {"webhook": "never", "progress": "none", "run_ms": 800},
}


def check(fields):
    """Raises ValueError where a test asks for a behaviour that does not exist."""
    for name in fields:
        if name not in FIELDS and name != "preset":
            raise ValueError(f'unknown behaviour field "{name}"')
    if fields.get("preset") is not None and fields["preset"] not in PRESETS:
        raise ValueError(f'unknown preset "{fields["preset"]}"')
    return fields


def preset_of(project):
    head = project.split("--", 1)[0]
    return PRESETS.get(head, {}) if "--" in project else {}


def resolve(project, default, own):
    """What holds for a project: the fields' defaults, then the server's default,
    then the preset in its name, then what the test said for this very project."""
    merged = {name: row[0] for name, row in FIELDS.items()}
    for layer in (default, preset_of(project), own):
        merged.update(PRESETS.get(layer.get("preset"), {}))
        merged.update({k: v for k, v in layer.items() if k != "preset"})
    return merged
