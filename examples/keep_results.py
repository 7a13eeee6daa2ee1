#!/usr/bin/env python3
"""What src/sim/results keeps of comparisons: keep_results.py OUT_FOLDER RESULT.json...

Of each cell its definition and of each policy the figures that the tables and statements of the
READMEs are made of (compare_table.py), to five digits.
"""
import json
import pathlib
import sys

CELL = (
    "cluster model traces kind load drain_factor give_up_stretch lambda_star binding_resource arrivals"
    " closed_loop decode_binding dispatch_round_trip_ms workflows seeds horizon_mean_s horizon_p95_s"
).split()
POLICY = (
    "policy req95 req99 ratio95 ratio99 mean max p50 jain overload prefix_hit_rate unfinished"
).split()


def rounded(value):
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return value


def picked(record, keys):
    return json.dumps({key: rounded(record[key]) for key in keys})


def main():
    out = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        data = json.loads(pathlib.Path(name).read_text(encoding="utf-8"))
        policies = ",\n".join(picked(policy, POLICY) for policy in data["policies"])
        text = f'{{"cell":{picked(data["cell"], CELL)},\n"policies":[\n{policies}\n]}}\n'
        (out / pathlib.Path(name).name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
