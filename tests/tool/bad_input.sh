#!/usr/bin/env bash
# The command line given what makes no sense: bad_input.sh TOOL SOURCE. Each case must end with the
# exit status told (1 bad input, 2 wrong usage), say one line on stderr that names the culprit, and
# leave no output behind.
set -uo pipefail
tool=$1
examples=$2/examples
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
trace=$examples/traces/multiagent_captain.jsonl.gz
cell=(--trace "$trace" --cluster small --workflows 1)
failed=0
cases=0

# refuses STATUS WORDS ARGUMENT...: the words are a regular expression.
refuses() {
  local status=$1 words=$2 actual
  shift 2
  cases=$((cases + 1))
  timeout 60 "$tool" "$@" >stdout 2>stderr
  actual=$?
  if [[ $actual -ne $status || $(wc -l <stderr) -ne 1 || -s stdout ]] || ! grep -qE -- "$words" stderr
  then
    failed=1
    echo "hexagent $*"
    echo "  status $actual, wanted $status and one line with: $words"
    sed 's/^/  stderr: /' stderr | head -n 5
    sed 's/^/  stdout: /' stdout | head -n 5
  fi
}

# ---- usage ----
refuses 2 'subcommand is required'
refuses 2 'no command simulat' simulat
refuses 2 '--trace is required' simulate --cluster small
refuses 2 '--cluster is required' simulate --trace "$trace"
refuses 2 '--nonsense' simulate "${cell[@]}" --nonsense
refuses 2 '--load = much' simulate "${cell[@]}" --load much
refuses 2 '--seeds = -3' simulate "${cell[@]}" --seeds -3
refuses 2 '--workflows = 99999999999' simulate --trace "$trace" --cluster small --workflows 99999999999
refuses 2 '--first-seed' simulate "${cell[@]}" --first-seed -1
refuses 2 '--round-trip-ms' simulate "${cell[@]}" --round-trip-ms -5
refuses 2 '--drain' simulate "${cell[@]}" --drain -2
refuses 2 '--threads' simulate "${cell[@]}" --threads 5000

# ---- numbers and names ----
refuses 1 'load must be above 0' simulate "${cell[@]}" --load 0
refuses 1 'load must be above 0' simulate "${cell[@]}" --load nan
refuses 1 'workflows must be at least 1' simulate --trace "$trace" --cluster small --workflows 0
refuses 1 '--seeds must be at least 1' simulate "${cell[@]}" --seeds 0
refuses 1 'finite' simulate "${cell[@]}" --round-trip-ms nan
refuses 1 'arrivals: sometimes' simulate "${cell[@]}" --arrivals sometimes
refuses 1 'arrivals: gamma:-1' simulate "${cell[@]}" --arrivals gamma:-1
refuses 1 'decode binding' simulate "${cell[@]}" --decode-binding whenever
refuses 1 'cluster lines:1: transfer: layerwise needs' simulate "${cell[@]}" --decode-binding prefill_end --cluster-line 'transfer layerwise'
refuses 1 'model gpt-0' simulate "${cell[@]}" --model gpt-0
refuses 1 'policy = "nonsense"' simulate "${cell[@]}" --policy nonsense
refuses 1 'policy = "nonsense"' compare "${cell[@]}" --policy default,nonsense
refuses 1 'window_s = "99".* 0 to 10' compare "${cell[@]}" --policy default@window_s=99
refuses 1 'names no policy' compare "${cell[@]}" --policy ''
refuses 1 '"nonsense": no such key' simulate "${cell[@]}" --set nonsense=1
refuses 1 'window_s = "wide"' simulate "${cell[@]}" --set window_s=wide
refuses 1 'not key=value' simulate "${cell[@]}" --set window_s

refuses 1 'lengths: guess: is not predictor' simulate "${cell[@]}" --lengths guess
refuses 1 'lengths: lognormal:x' simulate "${cell[@]}" --lengths lognormal:x
refuses 2 '--model-error' simulate "${cell[@]}" --model-error 2
refuses 1 'cluster lines:1: nics: is not a key' simulate "${cell[@]}" --cluster-line 'nics 4'
refuses 1 'cluster lines:2: kv_share: is out of range' simulate "${cell[@]}" \
  --cluster-line 'nic_gbit_per_s 4' --cluster-line 'kv_share 4'

# ---- files that are missing or damaged ----
refuses 1 '^hexagent: none.jsonl: cannot be opened' simulate --trace none.jsonl --cluster small
refuses 1 '^hexagent: none.cluster: ' simulate --trace "$trace" --cluster none.cluster
refuses 1 '^hexagent: none.jsonl: cannot be opened' simulate "${cell[@]}" --arrivals trace:none.jsonl
refuses 1 "^hexagent: $scratch: " simulate --trace "$scratch" --cluster small
head -c 2000 "$trace" >cut.jsonl.gz
refuses 1 '^hexagent: cut.jsonl.gz: ' simulate --trace cut.jsonl.gz --cluster small

# ---- files that are malformed: file, line, field ----
# bad_trace WORDS SED: the second line of a good trace, changed.
bad_trace() {
  zcat "$trace" | head -n 3 | sed "2$2" >bad.jsonl
  refuses 1 "^hexagent: bad.jsonl:2: $1" simulate --trace bad.jsonl --cluster small
}
bad_trace 'is not valid JSON' 's/{/{{/'
bad_trace 'calls' 's/"calls"/"callz"/'
bad_trace 'calls\[0\]\.deps.*itself' 's/"deps":\[\]/"deps":[0]/'
bad_trace 'calls\[0\]\.deps' 's/"deps":\[\]/"deps":[77]/'
bad_trace 'calls\[0\]\.deps.*cycle' 's/"deps":\[\]/"deps":[1]/'
bad_trace 'calls\[0\]\.prompt_tokens' 's/"prompt_tokens":[0-9]*/"prompt_tokens":0/'
bad_trace 'calls\[0\]\.prompt_tokens' 's/"prompt_tokens":[0-9]*/"prompt_tokens":-5/'
bad_trace 'calls\[0\]\.output_tokens' 's/"output_tokens":[0-9]*/"output_tokens":1e300/'
bad_trace 'calls\[1\]\.tool_delay_s' 's/"tool_delay_s":0.0/"tool_delay_s":-1/'

# bad_cluster LINE WORDS SED: the shipped file, changed.
bad_cluster() {
  sed -e "s#^profiles .*#profiles $examples/profiles#" -e "$3" "$examples/clusters/small.cluster" >bad.cluster
  refuses 1 "^hexagent: bad.cluster:$1: $2" simulate --trace "$trace" --cluster bad.cluster
}
line_of() { grep -n "^$1" "$examples/clusters/small.cluster" | head -n 1 | cut -d : -f 1; }
bad_cluster "$(line_of 'worker prefill A100')" 'worker' 's/^worker prefill A100-80G 1/worker prefill A100-80G/'
bad_cluster "$(line_of 'worker prefill A100')" 'worker' 's/^worker prefill A100-80G 1/worker prefill A100-80G -1/'
bad_cluster "$(line_of nic_gbit)" 'nic_gbit_per_s' 's/^nic_gbit_per_s 400/nic_gbit_per_s fast/'
bad_cluster "$(line_of nic_eff)" 'nic_efficiency' 's/^nic_efficiency 0.90/nic_efficiency 1.5/'
bad_cluster "$(line_of block)" 'block_tokens' 's/^block_tokens 16/block_tokens 0/'
bad_cluster "$(line_of decode_binding)" 'decode_binding' 's/^decode_binding prefill_start/decode_binding whenever/'
bad_cluster "$(line_of transfer)" 'transfer: is not' 's/^transfer after_prefill/transfer early/'
bad_cluster "$(line_of transfer)" 'transfer: layerwise needs decode_binding' \
  's/^transfer after_prefill/transfer layerwise/; s/^decode_binding prefill_start/decode_binding prefill_end/'
bad_cluster "$(line_of chunk)" 'chunky' 's/^chunk_tokens/chunky/'

zcat "$trace" | head -n 1 >trace.cluster
refuses 1 '^hexagent: trace.cluster:1: .{40}: is not a key' simulate --trace "$trace" --cluster trace.cluster

# bad_profiles FILE LINE WORDS SED: the shipped profiles with one file changed.
bad_profiles() {
  rm -rf profiles && cp -r "$examples/profiles" profiles
  sed -i "$2$4" "profiles/$1"
  sed "s#^profiles .*#profiles $scratch/profiles#" "$examples/clusters/small.cluster" >bad.cluster
  refuses 1 "profiles/$1:$2: $3" simulate --trace "$trace" --cluster bad.cluster
}
bad_profiles prefill.csv 3 'prefill_ms' 's/19.956/fast/'
bad_profiles decode.csv 3 '.*field' 's/,[^,]*$//'
bad_profiles models.csv 2 'layers' 's/,32,4096,32,/,none,4096,32,/'
rm -rf profiles
refuses 1 'profiles' simulate --trace "$trace" --cluster bad.cluster

refuses 1 '^hexagent: none/out.json: ' simulate "${cell[@]}" --json none/out.json

if [[ $failed -eq 0 ]]; then echo "$cases bad inputs refused"; fi
exit $failed
