"""Celery, for bench/rows/celery.ts: `python3 celery_peer.py add|run <count> <concurrency>`.

As its documentation shows it: Redis as broker and for results, which are kept for an hour; the pool of processes.
Prints how many tasks a second were sent, or handled, as JSON.
"""

import json
import os
import signal
import subprocess
import sys
import time

import redis
from celery import Celery

URL, PREFIX = os.environ["CELERY_PEER_URL"], os.environ["CELERY_PEER_PREFIX"]

app = Celery("peer", broker=URL, backend=URL)
app.conf.update(broker_transport_options={"global_keyprefix": PREFIX}, result_expires=3600)
sent = []


@app.task(name="small")
def small(row):
    """Does nothing."""


def add(count):
    began = time.perf_counter()
    for row in range(count):
        sent.append(small.delay(row=row).id)
    return count / (time.perf_counter() - began)


def run(count, concurrency):
    """From the first that is taken to the last that is acknowledged: how long the worker takes to start is left out."""
    add(count)
    server = redis.from_url(URL)
    options = ["--concurrency", str(concurrency), "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    command = [sys.executable, "-m", "celery", "-A", "celery_peer", "worker", *options]
    worker = subprocess.Popen(command, cwd=os.path.dirname(os.path.abspath(__file__)), stdout=sys.stderr)

    def left():
        return server.llen(PREFIX + "celery") + server.hlen(PREFIX + "unacked")

    try:
        while server.llen(PREFIX + "celery") == count and worker.poll() is None:
            time.sleep(0.002)
        began = time.perf_counter()
        while left() > 0 and worker.poll() is None:
            time.sleep(0.005)
        took = time.perf_counter() - began
        if worker.poll() is not None:
            raise SystemExit("the worker of Celery has ended")
        return count / took
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait()


def main():
    how, count, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if how == "add":
        add(count // 4)
    print(json.dumps({"perSecond": add(count) if how == "add" else run(count, concurrency)}))
    # Results have no prefix of their own.
    server = redis.from_url(URL)
    for first in range(0, len(sent), 1000):
        server.unlink(*(app.backend.get_key_for_task(task) for task in sent[first : first + 1000]))


if __name__ == "__main__":
    main()
