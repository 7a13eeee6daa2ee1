#!/usr/bin/env bash
# The table of the README: every policy on five recorded workloads at four loads, hetero-1, test seeds.
# compare_all.sh OUT_FOLDER [SEEDS] [WORKFLOWS]; some twenty minutes on two cores. Cells that are there
# already are kept, so it can be interrupted and started again.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
hexagent=${HEXAGENT:-$root/build/bin/hexagent}
out=${1:?usage: compare_all.sh OUT_FOLDER [SEEDS] [WORKFLOWS]}
seeds=${2:-3}
workflows=${3:-600}
mkdir -p "$out"

# As published: the paper's policy, with costs that know cached prefixes and without, and its rivals
# with load-balanced dispatch at ready, blind to hardware or scaled by its speed. The last two are
# rivals given our window.
policies=default,hexagent,hexagent@cache_aware=0,workflow-fcfs,llf
policies+=,fcfs-scaled,workflow-fcfs-scaled,llf-scaled,atlas-scaled
policies+=,llf/speed-scaled/window,fcfs/own-finish/window

for load in 0.85 0.95 0.7 0.5; do
  for trace in text2sql_chess toolagent_taubench treesearch_game24 multiagent_captain coding_sample; do
    cell=$out/$trace-$load
    [[ -f $cell.json ]] && continue
    form=()
    [[ $trace == coding_sample ]] && form=(--closed-loop)
    echo "$trace at load $load"
    "$hexagent" compare --trace "$root/examples/traces/$trace.jsonl.gz" --cluster hetero-1 \
      --model llama-3.1-70b --load "$load" --policy "$policies" --first-seed 101 --seeds "$seeds" \
      --workflows "$workflows" --give-up-stretch 5 "${form[@]}" \
      --json "$cell.part" --svg "$cell.svg" >"$cell.txt"
    mv "$cell.part" "$cell.json"
  done
done
