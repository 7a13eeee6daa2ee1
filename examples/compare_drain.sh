#!/usr/bin/env bash
# Drain cells, the paper's kind: 400 workflows sent at 2.5 times what the cluster keeps up with, and all of
# them measured. compare_drain.sh OUT_FOLDER [SEEDS] [WORKFLOWS]; some twenty minutes on two cores.
# compare_table.py prints what it left. Cells that are there already are kept.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
hexagent=${HEXAGENT:-$root/build/bin/hexagent}
out=${1:?usage: compare_drain.sh OUT_FOLDER [SEEDS] [WORKFLOWS]}
seeds=${2:-20}
workflows=${3:-400}
mkdir -p "$out"

# The paper's policy and the rivals it was compared with: each with load-balanced dispatch that is blind
# to hardware, and scaled by its speed.
policies=default,hexagent,hexagent@cache_aware=0,workflow-fcfs,llf,workflow-fcfs-scaled,llf-scaled

for trace in multiagent_captain toolagent_taubench text2sql_chess treesearch_game24; do
  cell=$out/$trace-drain
  [[ -f $cell.json ]] && continue
  echo "drain of $trace"
  "$hexagent" compare --trace "$root/examples/traces/$trace.jsonl.gz" --cluster hetero-1 \
    --model llama-3.1-70b --drain 2.5 --policy "$policies" --first-seed 101 --seeds "$seeds" \
    --workflows "$workflows" --json "$cell.part" --svg "$cell.svg" >"$cell.txt"
  mv "$cell.part" "$cell.json"
done
