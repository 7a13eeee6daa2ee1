#!/usr/bin/env bash
# `hexagent evaluate` as a whole: evaluate.sh TOOL SOURCE [full]. Runs the smoke suite, in one go and in
# pieces (stopped, killed, records lost and damaged): both must give the same bytes. Then the report is
# read as XML and as HTML, and what does not belong together is refused. Without `full` (slow builds)
# with fewer workflows.
set -uo pipefail
tool=$(realpath "$1")
source=$(realpath "$2")
reduced=(--workflows-max 4 --seeds-max 1)
cells=3
first=16
if [[ ${3:-} == full ]]; then
  reduced=()
  cells=6
  first=32
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0
complain() { echo "evaluate: $1"; failed=1; }

# Sanitizers and audits at every step: three cells are enough.
if [[ ${3:-} != full ]]; then reduced+=(--cells captain-steady,chat-drain,captain-lost); fi

evaluate() { timeout 500 "$tool" evaluate --suite smoke "${reduced[@]}" "$@" >stdout 2>stderr; }

evaluate --out whole || { cat stderr; complain "the smoke suite failed"; exit 1; }
grep -q 'whole/report.html' stdout || complain "the report is not named"
grep -q ' left$' stderr || complain "no time left was told"
for file in manifest.json results.json results.csv timing.csv report.html; do
  [[ -s whole/$file ]] || complain "$file is missing"
done
[[ -z $(find whole -name '*.part') ]] || complain "a part of a file was left"

# ---- in pieces ----
evaluate --out pieces --stop-after "$first" --threads 1 || complain "stopping failed"
grep -q "^$first of [0-9]* runs are done" stdout || complain "the stop was not told: $(cat stdout)"
evaluate --out pieces --report || complain "a report on what is whole failed"
grep -q 'captain-lost' pieces/report.html || complain "cells that are not whole are not named"
rm -f pieces/results.json pieces/report.html
evaluate --out pieces --stop-after 1 --threads 1 || complain "stopping a second time failed"
[[ ! -e pieces/results.json ]] || complain "results of an evaluation that is not complete"
"$tool" evaluate --suite smoke "${reduced[@]}" --out pieces --threads 1 >/dev/null 2>&1 &
runner=$!
for _ in $(seq 400); do
  [[ $(find pieces/records -name '*.csv.gz' | wc -l) -ge $((first + 4)) ]] && break
  sleep 0.05
done
kill -9 "$runner" 2>/dev/null
wait "$runner" 2>/dev/null
evaluate --out pieces || complain "going on after a kill failed"
lost=$(find pieces/records -name 'hexagent-101*' | sort | head -n 1)
damaged=$(find pieces/records -name 'default-101*' | sort | tail -n 1)
rm "$lost"
head -c 300 "$damaged" >cut && mv cut "$damaged"
evaluate --out pieces || complain "going on after records were lost failed"
for file in results.json results.csv; do
  cmp -s "whole/$file" "pieces/$file" || complain "$file differs when made in pieces"
done
records() { (cd "$1/records" && find . -type f | sort | while read -r f; do echo "$f"; zcat -f "$f" | grep -v '^# wall'; done); }
[[ $(records whole | sha256sum) == $(records pieces | sha256sum) ]] ||
  complain "records differ when made in pieces"

# ---- the report ----
python3 -B - whole "$cells" <<'PYTHON' || complain "the report is no good"
import csv, json, pathlib, sys, xml.etree.ElementTree as tree
from html.parser import HTMLParser
folder = pathlib.Path(sys.argv[1])
text = (folder / "report.html").read_text(encoding="utf-8")
tree.fromstring(text)  # well-formed, ids included below
seen, open_tags = set(), []

class Page(HTMLParser):
    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "link", "iframe", "img", "object"), tag
        for name, value in attributes:
            assert name not in ("src", "onclick", "onload"), name
            if name == "href":
                assert value.startswith("#"), value
            if name == "id":
                assert value not in seen, value
                seen.add(value)

Page().feed(text)
results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
names = {cell["name"] for cell in results["cells"]}
assert names <= seen and len(names) == int(sys.argv[2]), names
assert "planner_us" not in json.dumps(results)
assert "simulated" in text and results["kind"] == "simulated"
steady = next(c for c in results["cells"] if c["name"] == "captain-steady")
assert steady["strongest_chosen_on"] == "tuning seeds"
assert {s["of"] for s in results["summaries"] if s["strongest_of_group"]} == {"hexagent", "published", "routers"}
assert [a["of"] for a in results["ablations"]][0] == "no price on work"
# Bounds and the sustained load of that cell; of the tuned group the strongest alone was tested.
assert steady["bounds"] and all(len(b["c1"]) == 2 and len(b["fluid"]) == 2 for b in steady["bounds"])
for policy in steady["policies"]:
    assert policy["over_fluid"]["req95"]["value"] > 0.9, policy["policy"]
    assert policy["over_c1"]["req95"]["value"] > 0
assert [s["policy"] for s in steady["sustained"]] == ["default", "hexagent"]
tested = {p["policy"] for p in steady["policies"]} & {"mooncake", "dynamo", "dynamo@dynamo_overlap_credit=2"}
assert tested == {steady["strongest"]["routers"][q] for q in ("req95", "req99")}, tested
assert "Sustained load" in text and "over fluid" in text
with open(folder / "results.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
assert len(rows) == sum(len(c["policies"]) for c in results["cells"])
PYTHON
# A number of the report from the records alone: Req95 of one run by sort and rank.
python3 -B - whole <<'PYTHON' || complain "Req95 is not that of the records"
import gzip, json, math, pathlib, sys
folder = pathlib.Path(sys.argv[1])
results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
for cell in results["cells"]:
    for policy in cell["policies"]:
        by_seed = []
        for seed in cell["cell"]["seeds"]:
            path = folder / "records" / cell["name"] / f"{policy['policy']}-{seed}.csv.gz"
            lines = [l for l in gzip.open(path, "rt") if not l.startswith("#")][1:]
            stretches = sorted(float(l.split(",")[3]) / float(l.split(",")[4]) for l in lines)
            assert len(stretches) == cell["cell"]["workflows"]
            by_seed.append(stretches[math.ceil(0.95 * len(stretches) - 1e-9) - 1])
        mean = math.exp(sum(map(math.log, by_seed)) / len(by_seed))
        value = policy["req95"]["value"]
        assert (value is None and math.isinf(mean)) or abs(value / mean - 1) < 1e-9, (cell["name"], policy["policy"])
PYTHON

# ---- what does not belong together ----
refuses() {
  local words=$1
  shift
  timeout 60 "$tool" evaluate "$@" >stdout 2>stderr
  local status=$?
  if [[ $status -ne 1 || -s stdout ]] || ! grep -qE -- "$words" stderr; then
    complain "evaluate $*: status $status, wanted 1 and $words; $(head -n 3 stderr)"
  fi
}
refuses 'manifest.json: suite.* another folder' --suite ablation --out whole
refuses 'manifest.json: workflows_max differs' --suite smoke --workflows-max 3 --out whole
refuses 'no suite of that name' --suite papre --out x
refuses 'has no cell nine' --suite smoke --cells nine --out x
refuses '--out is required' --suite smoke
sed 's/"load": 0.6/"load": "heavy"/' "$source/examples/suites/smoke.json" >bad.json
refuses '^hexagent: bad.json: cells\[0\] \(captain-steady\)\.load: must be a number' --suite bad.json --out x
sed 's/gamma:2/gamma:x/' "$source/examples/suites/smoke.json" >bad.json
refuses 'bad.json: cell captain-bursts: arrivals: gamma:x' --suite bad.json --out x
sed 's/"worker": 1,/"worker": 99,/' "$source/examples/suites/smoke.json" >bad.json
refuses 'bad.json: cell captain-lost: the worker to lose' --suite bad.json --out x
sed 's/"calibration": "0"/"calibration": "perhaps"/' "$source/examples/suites/smoke.json" >bad.json
refuses 'bad.json: cell mixed-borrowed: .*calibration' --suite bad.json --out x
[[ ! -e x ]] || complain "a refused evaluation left a folder"

# ---- the suites that ship ----
for suite in smoke paper full ablation; do
  timeout 300 "$tool" evaluate --suite "$suite" --list >stdout 2>stderr || complain "$suite: $(cat stderr)"
  tail -n 1 stdout | grep -q "^$suite: .* cells" || complain "$suite is not listed"
done
if [[ $failed -eq 0 ]]; then echo "evaluate: whole and in pieces the same, the report is well-formed"; fi
exit $failed
