"""What a call from Python through ctypes costs: the measurements of boundary.c through the binding.
`boundary.py ROUNDS` prints nanoseconds as JSON: medians over rounds of 256 records, fewer than in the
other languages, so that a round is as short and as seldom interrupted. Run by tests/boundary/run.py.

Polling one by one is not measured: poll() takes all that wait, 256 in one call of C.
"""

import json
import statistics
import sys
import time

import hexagent as h

RECORDS = 256


def measure(rounds, before, timed):
    """Median over the rounds of nanoseconds per record; what `before` does is not counted."""
    times = []
    for _ in range(rounds):
        before()
        begin = time.perf_counter_ns()
        timed()
        times.append((time.perf_counter_ns() - begin) / RECORDS)
    return statistics.median(times)


def main():
    rounds = int(sys.argv[1])
    with h.Scheduler({"calls_max": 1024}) as scheduler:
        model = scheduler.name("model")
        # Of a workflow that nobody has begun.
        calls = [h.Call(workflow=1, model=model, prompt_tokens=1000)] * 64
        now_ns = 0

        def step():
            nonlocal now_ns
            now_ns += 1
            scheduler.step(now_ns)

        def poll():
            assert len(scheduler.poll()) == RECORDS

        def drain():
            step()
            scheduler.poll()

        def fill():
            for i in range(RECORDS):
                scheduler.ready(1, 1, i)
            step()

        def version():
            for _ in range(RECORDS):
                h.library_version()

        def submit(batch):
            for _ in range(0, RECORDS, len(batch)):
                scheduler.submit(batch)

        measured = {"call_ns": measure(rounds, lambda: None, version)}
        measured["submit_ns"] = measure(rounds, drain, lambda: submit(calls[:1]))
        measured["submit_batch_ns"] = measure(rounds, drain, lambda: submit(calls))
        drain()
        measured["poll_batch_ns"] = measure(rounds, fill, poll)
        print(json.dumps(measured))


if __name__ == "__main__":
    main()
