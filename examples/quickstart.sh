#!/usr/bin/env bash
# From a fresh Debian 12 to a comparison of schedulers on recorded agent workloads: installs what is
# missing, builds, replays three traces over a simulated cluster of A100, H100 and H200 workers, every
# decision made by libhexagent through its C ABI. `--smoke` runs the same with fewer workflows.
set -euo pipefail
cd "$(dirname "$0")/.."

workflows=300
seeds=3
if [[ "${1:-}" == --smoke ]]; then
  workflows=40
  seeds=1
fi

bash cmake/install_dependencies.sh
echo "building into build/ ..."
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEXAGENT_BUILD_TESTS=OFF >/dev/null
cmake --build build -j "$(nproc)" | tail -n 1

out=build/quickstart
mkdir -p "$out"
policies=default,hexagent,workflow-fcfs-scaled,llf-scaled,atlas-scaled,fcfs-scaled

# compare NAME TRACE OPTIONS...: one cell, as table, JSON, CSV and plot.
compare() {
  local name=$1 trace=$2
  shift 2
  echo
  build/bin/hexagent compare --trace "examples/traces/$trace.jsonl.gz" --cluster hetero-1 \
    --model llama-3.1-70b --load 0.85 --policy "$policies" --seeds "$seeds" \
    --json "$out/$name.json" --csv "$out/$name.csv" --svg "$out/$name.svg" "$@"
}
compare text2sql text2sql_chess --workflows $((workflows * 2))
compare coding coding_sample --closed-loop --workflows "$workflows"
compare toolagent toolagent_taubench --workflows "$workflows"

echo
echo "tables: $out/*.csv and $out/*.json"
echo "plots:  $out/*.svg (attainment against SLO scale)"
