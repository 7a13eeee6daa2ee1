"""What crossing the C ABI costs from C, Go, Rust and Python, beside the library's own ratios, in one
table: `tests/boundary/run.py BUILD_DIR [--json FILE] [--repetitions N] [--rounds N] [--smoke]`.

The languages take turns in each repetition against one library, so that what disturbs the
machine disturbs all; the table has medians over the repetitions. Then `hexagent bench ring` and
`end-to-end` follow in the same run. --smoke measures next to nothing and only proves that every
row is there. Expects the library installed where PKG_CONFIG_PATH and LD_LIBRARY_PATH say; run by
tests/bindings.sh.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "tests/boundary"
MEASURES = {
    "call_ns": "a call that does nothing, hexagent_version()",
    "submit_ns": "submit, one record a call",
    "submit_batch_ns": "submit, a record of a batch of 64",
    "poll_ns": "poll, one decision a call",
    "poll_batch_ns": "poll, a decision of a batch of 256",
}
MISSING = {("Python", "poll_ns")}  # its poll() takes all that wait


def output(command, folder=ROOT, **environment):
    command = [str(part) for part in command]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} answered {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder):
    """Builds the programs; language -> command that takes the number of rounds."""
    c, go, target = folder / "boundary_c", folder / "boundary_go", folder / "rust"
    flags = output(["pkg-config", "--cflags", "--libs", "hexagent"]).split()
    output(["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", HERE / "boundary.c", *flags, "-o", c])
    output(["go", "build", "-o", go, "."], HERE / "go")
    output(
        ["cargo", "build", "-q", "--release", "--example", "boundary"],
        ROOT / "bindings/rust",
        CARGO_TARGET_DIR=str(target),
    )
    return {
        "C": [c],
        "Go": [go],
        "Rust": [target / "release/examples/boundary"],
        "Python": [sys.executable, "-B", HERE / "boundary.py"],
    }


def boundary(programs, rounds, repetitions):
    """Measure -> language -> median over the repetitions."""
    runs = {language: [] for language in programs}
    for _ in range(repetitions):
        for language, command in programs.items():
            environment = {"PYTHONPATH": str(ROOT / "bindings/python")}
            runs[language].append(json.loads(output([*command, rounds], **environment)))
    return {
        measure: {
            language: statistics.median(run[measure] for run in runs[language])
            for language in runs
            if (language, measure) not in MISSING
        }
        for measure in MEASURES
    }


def compared(tool, smoke):
    """The library's own ratios: what, its ns, against what, that one's ns, ratio of theirs to ours."""
    small = ["--items", "1000", "--repetitions", "3"] if smoke else []
    ring = json.loads(output([tool, "bench", "ring", "--json", *small]))["ring"]
    rows = []
    for payload, name in (("report", "ring, an input with its record"), ("event", "ring, one without")):
        measured = ring[payload]
        for rival, key in (("mutex + deque", "mutex_deque"), ("Boost.Lockfree", "boost_lockfree")):
            rows.append((name, measured["ring_ns"], rival, measured[key + "_ns"], measured["over_" + key]))
    samples = ["--samples", "1000"] if smoke else []
    end = json.loads(output([tool, "bench", "end-to-end", "--json", *samples]))["end_to_end"]
    bare = end["eventfd_p50_ns"]
    rows.append(
        ("submit to readable, p50", end["p50_ns"], "eventfd ping-pong", bare, bare / end["p50_ns"])
    )
    return rows


def print_table(measured, rows):
    languages = list(measured["call_ns"])
    print("| ns (times C) | " + " | ".join(languages) + " | rival in the same run (times ours) |")
    print("|---|" + "---|" * (len(languages) + 1))
    for measure, text in MEASURES.items():
        costs = measured[measure]
        cells = [f"{costs['C']:.1f}"] + [
            f"{costs[name]:.1f} ({costs[name] / costs['C']:.1f})" if name in costs else "-"
            for name in languages[1:]
        ]
        print(f"| {text} | " + " | ".join(cells) + " | |")
    for name, ours, rival, theirs, ratio in rows:
        empty = " |" * (len(languages) - 1)
        print(f"| {name} | {ours:.1f} |{empty} {rival} {theirs:.1f} ({ratio:.2f}) |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    if options.smoke:
        options.repetitions, options.rounds = 1, 2
    tool = options.build.resolve() / "bin/hexagent"
    folder = options.build.resolve() / "bindings"
    folder.mkdir(exist_ok=True)
    measured = boundary(build(folder), options.rounds, options.repetitions)
    rows = compared(tool, options.smoke)
    for measure, costs in measured.items():
        for language, cost in costs.items():
            assert 0 < cost < 1e9, f"{measure} in {language} is {cost}"
    print_table(measured, rows)
    if options.json:
        names = ("what", "ns", "against", "against_ns", "ratio")
        result = {"boundary": measured, "ratios": [dict(zip(names, row)) for row in rows]}
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
