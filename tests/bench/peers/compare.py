"""Runs every row of the comparison in rounds and prints one table; see run.sh."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

from cases import CASES, MIB

# A busy machine is no silent peer.
SETTINGS = "silence_ms=60000"
NO_WHEEL = "its wheel could not be had"
WAYS_KIB = (4, 8, 16, 64)
HERE = pathlib.Path(__file__).resolve().parent
# The refusal of more than 2,048 blocks at once is lifted: else there is nothing to compare.
MOONCAKE = {"MC_TCP_MAX_QUEUED_TRANSFERS_PER_PEER": "65535"}
# NIXL wants an end that fails to be noticed, which UCX cannot do over shared memory alone.
NIXL_ROWS = [
    ("NIXL, UCX shared memory", "none", "posix,sysv,cma,self"),
    ("NIXL, UCX TCP", "peer", "tcp,self"),
]


def rows_of_ways(options):
    """Ours alone: one copy against two, by the length of pieces and by pages."""
    for pages in ("huge", "small"):
        environment = {"PEERS_BLOCKS_KIB": " ".join(map(str, WAYS_KIB)), "PEERS_PAGES": pages}
        yield f"memcpy, {pages} pages", [options.pair, "memcpy"], environment, None
        for name, way in (("two copies", "one_copy=off"), ("one copy", "one_copy_min=0"),
                          ("as chosen", "one_copy=on")):
            command = [options.pair, "host-memory", f"{SETTINGS} {way}"]
            yield f"{name}, {pages} pages", command, environment, None


def rows(options):
    """(name, command, environment, why it cannot run)"""
    if options.ways:
        yield from rows_of_ways(options)
        return
    yield "memcpy", [options.pair, "memcpy"], {}, None
    yield "4 plain sockets", [options.pair, "sockets"], {}, None
    for name in ("host-memory", "host-tcp"):
        yield name, [options.pair, name, SETTINGS], {}, None
    library = next(iter(options.site.glob(".nixl_cu*.mesonpy.libs/libnixl_capi.so")), None)
    why = None if library else NO_WHEEL
    for name, on_error, ways in NIXL_ROWS:
        command = [options.python, HERE / "nixl_row.py", library, on_error]
        yield name, command, {"UCX_TLS": ways}, why
        if options.plugin:
            settings = f"{SETTINGS} library={library} nixl.ucx_error_handling_mode={on_error}"
            command = [options.pair, options.plugin, settings]
            yield f"{name}, our adapter", command, {"UCX_TLS": ways}, why
    why = None if (options.site / "mooncake" / "engine.so").exists() else NO_WHEEL
    yield "Mooncake, TCP", [options.python, HERE / "mooncake_row.py"], MOONCAKE, why


def run_row(command, environment, log):
    """{(bytes, block): nanoseconds}, or None when it failed."""
    command = [str(part) for part in command]
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                          stderr=log, text=True, start_new_session=True) as process:
        try:
            out, _ = process.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return None
    if process.returncode != 0:
        return None
    lines = [json.loads(line) for line in out.splitlines()]
    return {(line["bytes"], line["block"]): line["ns"] for line in lines}


def name_of(case):
    size, block = case
    return f"{size // MIB} MiB, " + ("one piece" if size == block else f"{block >> 10} KiB")


def cell(case, rounds, memcpy):
    """Median GB/s, and median percent of the memcpy of as many bytes in the same round."""
    rates = [case[0] / each[case] for each in rounds if each and case in each]
    if not rates:
        return "-", None
    whole = (case[0], case[0])
    shares = [reference[whole] / each[case] for each, reference in zip(rounds, memcpy)
              if each and reference and case in each]
    rate, share = statistics.median(rates), statistics.median(shares)
    return f"{rate:.2f} ({100 * share:.0f})", {"gb_per_s": rate, "of_memcpy": share,
                                               "rounds": len(rates)}


def table(measured, cases):
    lines = ["| | " + " | ".join(name_of(case) for case in cases) + " |",
             "|---" * (len(cases) + 1) + "|"]
    figures = {}
    for name, rounds in measured.items():
        _, comma, pages = name.partition(", ")
        memcpy = measured.get(f"memcpy{comma}{pages}") or measured["memcpy"]
        cells = [cell(case, rounds, memcpy) for case in cases]
        lines.append(f"| {name} | " + " | ".join(text for text, _ in cells) + " |")
        figures[name] = {name_of(case): made for case, (_, made) in zip(cases, cells) if made}
    return "\n".join(lines), figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pair", required=True, help="the program of our rows")
    parser.add_argument("--ways", action="store_true", help="our own rows, one copy against two")
    parser.add_argument("--python", help="interpreter that has the peers")
    parser.add_argument("--site", type=pathlib.Path, help="its site-packages")
    parser.add_argument("--plugin", help="our adapter, hexagent_nixl.so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    options = parser.parse_args()
    measured, missing = {}, {}
    with open(options.out / "peers.log", "w", encoding="utf-8") as log:
        for number in range(options.rounds):
            for name, command, environment, why in rows(options):
                if why:
                    missing[name] = why
                    continue
                result = run_row(command, environment, log)
                print(f"round {number + 1}: {name}: {'measured' if result else 'FAILED'}",
                      file=sys.stderr)
                measured.setdefault(name, []).append(result)
    cases = CASES
    if options.ways:
        sizes = sorted({size for size, _ in CASES})
        cases = [(size, block) for size in sizes
                 for block in [kib << 10 for kib in WAYS_KIB] + [size]]
    text, figures = table(measured, cases)
    for name, rounds in measured.items():
        failures = sum(result is None for result in rounds)
        if failures:
            missing[name] = f"failed in {failures} of {len(rounds)} rounds, see peers.log"
    print("GB/s (percent of one memcpy of as many bytes in the same round); medians of "
          f"{options.rounds} rounds\n")
    print(text)
    for name, why in missing.items():
        print(f"\nNot measured, or not always: {name}: {why}")
    with open(options.out / "peers.json", "w", encoding="utf-8") as file:
        json.dump({"rounds": options.rounds, "rows": figures, "missing": missing}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
