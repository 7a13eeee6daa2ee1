#!/usr/bin/env python3
"""The tables and statements of the READMEs from what compare_all.sh and compare_drain.sh left:
compare_table.py OUT_FOLDER.

Prints Markdown: Req95/Req99 of each policy in each cell, the cells the default loses (first), and for
each rival in how many cells at load 0.7 and above the default's Req is lower; of drain cells also
Req99/Req95 and the ratio of the paper's policy to each rival.
"""
import json
import pathlib
import sys

TRACES = {
    "text2sql_chess": "CHESS",
    "toolagent_taubench": "tau-bench",
    "treesearch_game24": "Game-of-24",
    "multiagent_captain": "captain",
    "coding_sample": "coding, closed loop",
}
LOADS = ("0.5", "0.7", "0.85", "0.95")
POLICIES = {
    "default": "**default**",
    "hexagent": "hexagent",
    "hexagent@cache_aware=0": "hexagent, cache-blind",
    "workflow-fcfs": "workflow FCFS",
    "llf": "LLF",
    "workflow-fcfs-scaled": "workflow FCFS scaled",
    "llf-scaled": "LLF scaled",
    "atlas-scaled": "ATLAS scaled",
    "fcfs-scaled": "FCFS scaled",
    "llf/speed-scaled/window": "LLF scaled, our window",
    "fcfs/own-finish/window": "FCFS own finish, our window",
}


def shown(value, bound):
    return f">{bound:g}" if value is None or value > bound else f"{value:.2f}"


def cells(folder):
    for trace, name in TRACES.items():
        for load in LOADS:
            path = folder / f"{trace}-{load}.json"
            if path.exists():
                data = json.loads(path.read_text(encoding="utf-8"))
                yield name, load, data["cell"], {p["policy"]: p for p in data["policies"]}


def drain(folder):
    rows = []
    for trace, name in TRACES.items():
        path = folder / f"{trace}-drain.json"
        if not path.exists():
            continue
        data = json.loads(path.read_text(encoding="utf-8"))
        policies = {p["policy"]: p for p in data["policies"]}
        base = policies["hexagent"]["req95"]["value"]
        for policy, entry in policies.items():
            q95, q99 = (entry[q]["value"] for q in ("req95", "req99"))
            low, high = entry["req95"]["ci95"]
            ratio = ""
            if policy != "default":
                of_default = entry["ratio95"]
                ratio = "{:.3f} [{:.3f}, {:.3f}]".format(of_default["value"], *of_default["ci95"])
            rows.append(
                f"| {name} | {POLICIES[policy]} | {q95:.2f} [{low:.2f}, {high:.2f}] | {q99:.2f} | "
                f"{q99 / q95:.3f} | {entry['mean']:.2f} | {base / q95:.3f} | {ratio} |"
            )
    if rows:
        print("\n| drain of | policy | Req95 | Req99 | Req99/Req95 | mean | hexagent over it | default over it |")
        print("|---|---|---|---|---|---|---|---|")
        print("\n".join(rows))


def steady(folder):
    found = list(cells(folder))
    if not found:
        return
    print("| workload | load | " + " | ".join(POLICIES.values()) + " |")
    print("|---|---|" + "---|" * len(POLICIES))
    losses, wins = [], {policy: {"req95": [], "req99": []} for policy in POLICIES}
    for name, load, cell, policies in found:
        bound = cell["give_up_stretch"] or float("inf")
        row = []
        for policy in POLICIES:
            entry = policies[policy]
            mark = "*" if entry["overload"] else ""
            row.append("/".join(shown(entry[q]["value"], bound) for q in ("req95", "req99")) + mark)
            if policy == "default":
                continue
            for quantile, ratio in (("req95", "ratio95"), ("req99", "ratio99")):
                if policies["default"][quantile]["value"] is None and entry[quantile]["value"] is None:
                    continue  # both above the bound at which runs are stopped
                value, interval = entry[ratio]["value"], entry[ratio]["ci95"]
                if float(load) >= 0.7:
                    wins[policy][quantile].append(value is not None and value < 1.0)
                if value is None or interval[0] is None or interval[0] > 1.0:
                    losses.append((name, load, policy, quantile, value, interval))
        print(f"| {name} | {load} | " + " | ".join(row) + " |")
    print("\nDefault over rival, interval wholly above 1:")
    for name, load, policy, quantile, value, interval in losses:
        print(f"- {name} {load}, {quantile} against {policy}: {value} {interval}")
    print("\nCells at load 0.7 and above in which the default is below the rival, Req95 and Req99:")
    for policy, counts in wins.items():
        if policy == "default":
            continue
        told = [f"{sum(c)} of {len(c)}" for c in (counts["req95"], counts["req99"])]
        print(f"- {POLICIES[policy]}: {told[0]}, {told[1]}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[1])
    steady(pathlib.Path(sys.argv[1]))
    drain(pathlib.Path(sys.argv[1]))
