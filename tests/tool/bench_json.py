"""Runs every benchmark of the runtime small, and `hexagent bench decision`: `bench_json.py TOOL`.

What they measure here means nothing; that the figures are there, are numbers and belong together
does: `tests/boundary/run.py` and whoever compares two releases read them.
"""

import json
import subprocess
import sys

SMALL = {
    "ring": ["--items", "1000", "--repetitions", "3", "--producers", "2"],
    "submit": ["--rounds", "3"],
    "poll": ["--rounds", "3"],
    "end-to-end": ["--samples", "500"],
    "decision": ["--prefill-workers", "4", "--decode-workers", "4", "--workflows", "40",
                 "--waiting", "20", "--events", "2000"],
}
RING = {"ring_ns", "mutex_deque_ns", "boost_lockfree_ns", "over_mutex_deque", "over_boost_lockfree",
        "best_over_mutex_deque", "best_over_boost_lockfree", "ring_processor_ns",
        "processor_over_mutex_deque", "processor_over_boost_lockfree"}
EXPECTED = {
    "ring": {"producers": None, "report": RING, "event": RING},
    "submit": {"manual": {"single_ns", "batch_of_64_ns"}, "thread": {"single_ns", "batch_of_64_ns"}},
    "poll": {"manual": {"single_ns", "batch_of_256_ns"}, "thread": {"single_ns", "batch_of_256_ns"}},
    "end-to-end": {"p50_ns": None, "p99_ns": None, "eventfd_p50_ns": None, "eventfd_p99_ns": None,
                   "p50_ratio": None, "p99_ratio": None},
}


def run(tool, name):
    done = subprocess.run([tool, "bench", name, "--json", *SMALL[name]], capture_output=True, text=True)
    assert done.returncode == 0, f"bench {name} answered {done.returncode}: {done.stderr}"
    return json.loads(done.stdout)[name.replace("-", "_")]


def check_number(value, what):
    assert isinstance(value, (int, float)) and 0 < value < 1e12, f"{what} is {value}"


def main():
    tool = sys.argv[1]
    for name, expected in EXPECTED.items():
        result = run(tool, name)
        assert set(result) == set(expected), f"bench {name} tells {sorted(result)}"
        for key, keys in expected.items():
            if keys is None:
                check_number(result[key], f"{name} {key}")
                continue
            assert set(result[key]) == keys, f"bench {name}, {key}, tells {sorted(result[key])}"
            for inner in keys:
                check_number(result[key][inner], f"{name} {key} {inner}")
    end = run(tool, "end-to-end")
    for quantile in ("p50", "p99"):
        ratio = end[f"{quantile}_ns"] / end[f"eventfd_{quantile}_ns"]
        assert abs(ratio - end[f"{quantile}_ratio"]) < 1e-6 * ratio, f"{quantile} is not their ratio"
    decision = run(tool, "decision")
    for key in ("p50_ns", "p99_ns", "mean_ns", "events", "plans", "prefill_workers"):
        check_number(decision[key], f"decision {key}")
    assert decision["events"] == 2000 and decision["allocations"] >= 0


if __name__ == "__main__":
    main()
