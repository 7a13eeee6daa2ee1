#!/usr/bin/env bash
# The same decisions, byte for byte, from every build given: determinism.sh BUILD BUILD...
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for policy in default hexagent llf; do
  first=
  for build in "$@"; do
    "$build/bin/hexagent" simulate --trace examples/traces/multiagent_captain.jsonl.gz \
      --cluster small --policy "$policy" --load 0.8 --workflows 60 --seeds 2 \
      --json "$scratch/out.json" >/dev/null
    hash=$(grep -o '"decision_hash": [0-9]*' "$scratch/out.json")
    first=${first:-$hash}
    if [[ $hash != "$first" ]]; then
      echo "$policy: $build decides differently: $hash, not $first"
      exit 1
    fi
  done
done
echo "equal decisions from $# builds"
