"""The task of Celery and what its processes write of it. `celery_jobs.py enqueue` puts all jobs into the queue;
`celery -A celery_jobs worker` works. README.md says what a program is given and what it writes."""

import os
import sys
import threading
import time
from pathlib import Path

import psycopg2
from celery import Celery, signals

ENV = os.environ
DURABLE = ENV["PEER_DURABLE"] == "1"

app = Celery("celery_jobs", broker=ENV["PEER_REDIS_URL"])
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=int(ENV["PEER_FETCH"]),
                task_store_errors_even_if_ignored=False, worker_send_task_events=False)


class Tally:
    """How many bodies have run in this process, when the first and the last."""

    def __init__(self):
        self.count, self.first, self.last = 0, 0.0, 0.0

    def ran(self):
        self.last = time.time()
        self.first = self.first or self.last
        self.count += 1

    def write_for_ever(self):
        file = Path(ENV["PEER_DIR"], f"tally.{os.getpid()}")
        new = file.with_name(file.name + ".new")
        while True:
            new.write_text(f"{self.count} {self.first} {self.last}\n")
            new.rename(file)
            time.sleep(0.05)


tally = Tally()
database = None


@signals.worker_process_init.connect
def begin(**_):
    """In each child, once."""
    global database
    threading.Thread(target=tally.write_for_ever, daemon=True).start()
    if DURABLE:
        connection = psycopg2.connect(ENV["PEER_DATABASE_URL"])
        connection.autocommit = True
        database = connection.cursor()
        database.execute("PREPARE work (bigint) AS " + Path(__file__).with_name("work.sql").read_text())


@app.task
def work(number):
    if DURABLE:
        database.execute("EXECUTE work (%s)", (number,))
    tally.ran()


if __name__ == "__main__" and sys.argv[1:] == ["enqueue"]:
    with app.producer_pool.acquire() as producer:
        for i in range(1, int(ENV["PEER_JOBS"]) + 1):
            app.send_task("celery_jobs.work", (i,), producer=producer)
