#!/usr/bin/env bash
# The same decisions, byte for byte, from every build given: determinism.sh BUILD BUILD...
# Three traces under both of the library's policies and a rival, with the decode worker bound at either
# end of the prefill; the builds differ in compiler and optimisation.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# hash_of BUILD POLICY ARGUMENT...
hash_of() {
  local build=$1 policy=$2
  shift 2
  "$build/bin/hexagent" simulate --policy "$policy" --threads 1 --json "$scratch/out.json" "$@" >/dev/null
  grep -o '"decision_hash": [0-9]*' "$scratch/out.json"
}

compared=0
# compare POLICY TRACE ARGUMENT...
compare() {
  local policy=$1 trace=$2 first='' build hash
  shift 2
  for build in "${builds[@]}"; do
    hash=$(hash_of "$build" "$policy" --trace "examples/traces/$trace.jsonl.gz" --cluster small "$@")
    first=${first:-$hash}
    if [[ $hash != "$first" ]]; then
      echo "$policy on $trace $*: $build decides $hash, ${builds[0]} $first"
      exit 1
    fi
  done
  compared=$((compared + 1))
}

builds=("$@")
if [[ ${#builds[@]} -lt 2 ]]; then
  echo "needs two builds to compare"
  exit 1
fi
for policy in default hexagent llf; do
  compare "$policy" multiagent_captain --load 0.8 --workflows 10
  compare "$policy" text2sql_chess --load 0.8 --workflows 20 --decode-binding prefill_end
  compare "$policy" text2sql_chess --load 0.8 --workflows 10 --measured-links --learn-online
  compare "$policy" coding_sample --load 0.9 --workflows 1 --decode-binding prefill_end
done
echo "equal decisions from ${#builds[@]} builds in $compared cells"
