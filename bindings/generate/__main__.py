"""Writes the generated files of the bindings: python3 bindings/generate [--check] [--cc COMPILER].

The files are committed, so that nobody needs this program to use a binding. --check writes nothing
and fails when a committed file differs from what the header gives; with --cc it also asks the C
compiler for the layouts. Standard library only.
"""

import argparse
import difflib
import sys
from pathlib import Path

import beside
import exports
import go
import header
import layout
import python
import rust

ROOT = Path(__file__).resolve().parent.parent.parent


def outputs(api):
    """Path below the root -> text."""
    return {
        "bindings/layout.json": layout.write(api),
        "bindings/go/constants.go": go.constants(api),
        "bindings/go/records.go": go.records(api),
        "bindings/go/records_list_test.go": go.records_list(api),
        "bindings/python/hexagent/_ffi.py": python.ffi(api),
        "bindings/python/hexagent/records.py": python.records(api),
        "bindings/rust/hexagent-sys/src/ffi.rs": rust.ffi(api),
        "bindings/rust/hexagent-sys/tests/layout.rs": rust.layout_test(api),
        "bindings/rust/hexagent/src/codes.rs": rust.codes(api),
    }


def stale(path, text):
    """The start of the difference between a committed file and what it should be, or nothing."""
    committed = path.read_text() if path.exists() else ""
    if committed == text:
        return []
    diff = difflib.unified_diff(
        committed.splitlines(), text.splitlines(), "committed", "generated", lineterm="", n=1
    )
    return list(diff)[:20]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    parser.add_argument("--cc", help="C compiler to compare the layouts with")
    arguments = parser.parse_args()

    headers = {
        name: (ROOT / f"include/hexagent/{name}.h").read_text()
        for name in ("hexagent", "endpoint", "transport", "log")
    }
    api = header.parse(headers["hexagent"])
    beside.add(api, headers["endpoint"], headers["transport"])
    problems = exports.differences(
        api,
        (ROOT / "cmake/hexagent.map").read_text(),
        (ROOT / "tests/abi/symbols.txt").read_text(),
        exports.declared_in(headers["log"]) + beside.FOR_C_ALONE,
    )
    problems += exports.unwrapped(api, ROOT, (ROOT / "bindings/generate/unwrapped.txt").read_text())
    if arguments.cc:
        problems += layout.differences(api, arguments.cc, ROOT / "include")
    for name, text in outputs(api).items():
        path = ROOT / name
        if arguments.check:
            difference = stale(path, text)
            if difference:
                problems.append(
                    f"{name} is stale; run python3 bindings/generate\n  " + "\n  ".join(difference)
                )
        elif not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {name}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
