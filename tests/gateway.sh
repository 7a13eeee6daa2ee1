#!/usr/bin/env bash
# Tests the example gateways against third-party engine simulators (llm-d-inference-sim, real processes,
# vLLM's HTTP protocol): `tests/gateway.sh [BUILD_DIR]`. Mixed agentic load; engines killed and started
# again under it; side by side with vllm-router where that can be installed. `tests/gateway.sh [BUILD_DIR]
# soak [MINUTES]` watches memory and descriptors of the Go gateway instead. The simulator needs Go 1.26,
# which `go` fetches by itself if its own is older; what is built is kept in build/third_party.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
build=build/clang
if [[ $# -gt 0 && $1 != soak ]]; then build=$1; shift; fi
build=$(cd "$build" && pwd) || exit 1
soak=0
if [[ ${1:-} == soak ]]; then soak=${2:-10}; fi
bash cmake/install_dependencies.sh bindings || exit 1

scratch=$(mktemp -d)
third=$root/build/third_party
mkdir -p "$third/bin" "$third/simulator" "$third/own"
children=()
# What was started is ended by its pid, on every way out.
finish() {
  local pid
  for pid in "${children[@]:-}"; do [[ -n $pid ]] && kill -9 "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM
failed=0
fail() { echo "gateway: $1"; failed=1; }
die() { echo "gateway: $1"; exit 1; }

prefix=$build/bindings/usr
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >/dev/null || die "cannot install the library"
pc=$(dirname "$(find "$prefix" -name hexagent.pc)")
sed -i "s|^prefix=.*|prefix=$prefix|" "$pc/hexagent.pc"
export PKG_CONFIG_PATH=$pc LD_LIBRARY_PATH=${pc%/pkgconfig}

simulator=$third/bin/llm-d-inference-sim
if [[ ! -x $simulator ]]; then
  echo "building llm-d-inference-sim v0.10.2 (once, some minutes)"
  # Through a module of our own, which pins it and the checksums of what it is made of.
  cp tests/gateway/simulator/* "$third/simulator/"
  (cd "$third/simulator" && GOFLAGS=-mod=mod GOTOOLCHAIN=auto go build -o "$simulator" \
    github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim) || {
    # Not ours to mend: no Go 1.26 to be had, or no way to the module.
    echo "gateway: SKIPPED, the engine simulator cannot be built here"
    exit 0
  }
fi
(cd examples/go/gateway && go build -o "$third/own/gateway" .) || die "cannot build the gateway"
# Outside the workspace of the binding, with two crates of the registry's (HTTP heads, JSON).
(cd examples/rust/gateway && CARGO_TARGET_DIR=$third/own/rust cargo build -q --release --locked) ||
  die "cannot build the Rust gateway"
(cd tests/gateway/load && go build -o "$third/own/load" .) || die "cannot build the load generator"

free_ports() { # COUNT: ports free at this moment
  python3 -c 'import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))' "$1"
}
answers() { # URL: waits until it does, 20 s at most
  local _
  for _ in $(seq 200); do
    curl -sf -o /dev/null --max-time 2 "$1" && return 0
    sleep 0.1
  done
  die "$1 does not answer"
}

# The fleet: role, GPU, fixed and per-token microseconds of a prefill, microseconds between tokens,
# requests at once. Speeds are those of llama-3.1-8b in examples/profiles, which the scheduler is told to
# expect. A prefill fills a GPU, so those engines take one at a time; the simulator does not model that.
fleet=("prefill A100-80G 5000 59 11300 1" "prefill H100-80G 3000 21 6500 1" "decode A100-80G 5000 59 11300 64"
  "decode H100-80G 3000 21 6500 64" "decode H200-141G 2000 21 4900 64")
read -ra ports <<<"$(free_ports "${#fleet[@]}")"
engine_pids=()
start_engine() { # INDEX
  local role gpu fixed per_token between seqs
  read -r role gpu fixed per_token between seqs <<<"${fleet[$1]}"
  POD_IP=127.0.0.1 "$simulator" --port "${ports[$1]}" --model llama --force-dummy-tokenizer --seed "$(($1 + 1))" \
    --max-model-len 131072 --max-num-seqs "$seqs" --prefill-overhead "${fixed}us" \
    --prefill-time-per-token "${per_token}us" --inter-token-latency "${between}us" \
    --kv-cache-transfer-time-per-token 2us >"$scratch/engine$1.log" 2>&1 &
  engine_pids[$1]=$!
  children+=($!)
  disown $!
}
for i in "${!fleet[@]}"; do start_engine "$i"; done
for port in "${ports[@]}"; do answers "http://127.0.0.1:$port/health"; done

python3 - "$scratch/gateway.json" "${ports[*]}" "${fleet[@]}" <<'PYTHON'
import json, sys
path, ports, fleet = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
workers = [{"url": f"http://127.0.0.1:{port}", "role": line.split()[0], "gpu": line.split()[1],
            "kv_tokens": 400000, "decode_batch_max": 64} for port, line in zip(ports, fleet)]
json.dump({"model": "llama", "profile": "llama-3.1-8b", "retry_max": 3, "health_ms": 200,
           "workers": workers}, open(path, "w"))
PYTHON

# start_gateway NAME COMMAND...: sets `url` and `gateway_pid` from the line "serving on HOST:PORT".
start_gateway() {
  local name=$1 _
  shift
  url=
  : >"$scratch/$name.log"
  "$@" -listen 127.0.0.1:0 -config "$scratch/${config:-gateway}.json" >"$scratch/$name.log" 2>&1 &
  gateway_pid=$!
  children+=($!)
  disown $!
  for _ in $(seq 100); do
    url=$(sed -n 's/.*serving on /http:\/\//p' "$scratch/$name.log")
    [[ -n $url ]] && break
    sleep 0.1
  done
  [[ -n $url ]] || { cat "$scratch/$name.log"; die "the $name gateway does not start"; }
  answers "$url/health"
}
counter() { curl -s "$url/metrics" | sed -n "s/^gateway_$1_total //p"; }
field() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2], {}, d))' "$1" "$2"; }

traces=$root/examples/traces
shapes=$traces/text2sql_chess.jsonl.gz,$traces/toolagent_taubench.jsonl.gz,$traces/multiagent_captain.jsonl.gz
load() { "$third/own/load" -url "$1" -traces "$shapes" "${@:2}"; }

# balanced FILE: the client's ledger and the gateway's counters tell the same story.
balanced() {
  local received sum sent
  sent=$(field "$1" sent)
  received=$(($(counter calls_received) - base_received))
  sum=$(($(counter calls_completed) + $(counter calls_failed) + $(counter calls_stream_failed) + $(counter calls_cancelled)))
  [[ $received -eq $sent ]] || fail "the client sent $sent calls, the gateway received $received"
  [[ $sum -eq $((received + base_received)) ]] || fail "$received calls came, $sum ended"
  [[ $(($(counter calls_completed) - base_completed)) -eq $(field "$1" 'endings["completed"]') ]] ||
    fail "gateway and client disagree on completed calls"
  [[ $(($(counter calls_stream_failed) - base_stream)) -eq $(field "$1" 'endings["stream_error"]') ]] ||
    fail "gateway and client disagree on broken streams"
}
remember() {
  base_received=$(counter calls_received) base_completed=$(counter calls_completed)
  base_stream=$(counter calls_stream_failed)
}

running() { # INDEX: requests running on an engine
  curl -s --max-time 1 "http://127.0.0.1:${ports[$1]}/metrics" | sed -n 's/^vllm:num_requests_running{.*} //p'
}

# churn FILE: load with long answers; two decode engines and a prefill engine are killed while they work,
# and started again.
churn() {
  local load_pid victim _
  load "$url" -workflows 5 -calls 12 -output-divisor 3 >"$1" 2>"$scratch/load.err" &
  load_pid=$!
  children+=("$load_pid")
  for victim in 4 1 3; do
    # Half of the calls are streams: of three that are being decoded one has most likely begun.
    for _ in $(seq 200); do
      [[ $(running "$victim") -ge $((victim > 1 ? 3 : 1)) ]] && break
      sleep 0.03
    done
    kill -9 "${engine_pids[$victim]}"
    sleep 0.7 # the engine's time to start again, not a condition we could wait for
    start_engine "$victim"
    answers "http://127.0.0.1:${ports[$victim]}/health"
  done
  wait "$load_pid" || { cat "$scratch/load.err" "$1"; fail "calls ended otherwise than they may"; }
}

# through NAME COMMAND...: a gateway's test; leaves it running.
through() {
  local name=$1 from=$SECONDS _
  start_gateway "$@"
  remember
  load "$url" -workflows 4 -calls 12 >"$scratch/$name.calm" || { cat "$scratch/$name.calm"; fail "$name: the calm load failed"; }
  balanced "$scratch/$name.calm"
  [[ $(counter retries) -eq 0 && $(counter fallback_calls) -eq 0 ]] ||
    fail "$name: $(counter retries) retries and $(counter fallback_calls) calls by round robin in a calm fleet"
  # Whether a kill meets a stream is chance; three loads that all miss are none.
  for _ in 1 2 3; do
    remember
    churn "$scratch/$name.churn"
    balanced "$scratch/$name.churn"
    [[ $(field "$scratch/$name.churn" 'endings["stream_error"]') -gt 0 ]] && break
  done
  [[ $(counter workers_lost) -ge 3 ]] || fail "$name: only $(counter workers_lost) engines were lost"
  [[ $(counter retries) -gt 0 ]] || fail "$name: nothing was retried"
  [[ $(field "$scratch/$name.churn" 'endings["stream_error"]') -gt 0 ]] || fail "$name: no stream was hit by a kill"
  echo "$name: $(field "$scratch/$name.calm" sent) calls calm; $(field "$scratch/$name.churn" sent) with 3 engines killed," \
    "$(counter retries) retries, $(field "$scratch/$name.churn" 'endings["stream_error"]') streams ended by an error event," \
    "$(counter fallback_calls) by round robin; $((SECONDS - from)) s"
}

# soak_run: load for so many minutes; memory and descriptors every 5 s. Fails when resident memory grows
# by 1 MiB a minute after the second minute, or descriptors do.
soak_run() {
  local load_pid pid=$gateway_pid from=$SECONDS
  load "$url" -workflows 40 -calls 12 -every 150ms -for "${soak}m" >"$scratch/soak" 2>&1 &
  load_pid=$!
  children+=("$load_pid")
  while kill -0 "$load_pid" 2>/dev/null; do
    echo "$((SECONDS - from)) $(awk '/^VmRSS/ {print $2}' "/proc/$pid/status") $(find "/proc/$pid/fd" -mindepth 1 | wc -l)"
    sleep 5
  done >"$scratch/memory"
  wait "$load_pid" || { cat "$scratch/soak"; fail "the soak's load failed"; }
  cat "$scratch/soak"
  local of_library
  of_library=$(curl -s "$url/metrics" | grep -E '^hexagent_journal_(inputs|snapshots|segments_removed|failures)_total ')
  echo "journal: $(tr '\n' ' ' <<<"${of_library//hexagent_journal_/}")$(du -sk "$scratch/journal" | cut -f 1) KiB at the end"
  grep -q 'failures_total 0' <<<"$of_library" || fail "the journal has ended"
  grep -q 'snapshots_total [1-9]' <<<"$of_library" || fail "no snapshot was taken"
  python3 - "$scratch/memory" "$soak" <<'PYTHON' || fail "the gateway grows"
import sys
rows = [tuple(map(float, line.split())) for line in open(sys.argv[1])]
settled = [row for row in rows if row[0] >= min(120, float(sys.argv[2]) * 30)]
def slope(column):
    n = len(settled)
    t, v = sum(r[0] for r in settled) / n, sum(r[column] for r in settled) / n
    return sum((r[0] - t) * (r[column] - v) for r in settled) / sum((r[0] - t) ** 2 for r in settled) * 60
memory, descriptors = slope(1) / 1024, slope(2)
print(f"soak: {rows[-1][0] / 60:.1f} min, resident {rows[0][1] / 1024:.1f} to {rows[-1][1] / 1024:.1f} MiB, "
      f"slope {memory:+.2f} MiB/min; descriptors {rows[0][2]:.0f} to {rows[-1][2]:.0f}, most "
      f"{max(r[2] for r in rows):.0f}, slope {descriptors:+.2f}/min")
half = len(settled) // 2
growing = max(r[2] for r in settled[half:]) > 1.2 * max(r[2] for r in settled[:half]) + 10
sys.exit(memory >= 1 or growing)
PYTHON
}

if [[ $soak != 0 ]]; then
  # With a journal of small segments, so that snapshots are taken and old files go all the while.
  python3 - "$scratch" <<'PYTHON'
import json, sys
folder = sys.argv[1]
config = json.load(open(f"{folder}/gateway.json"))
config["scheduler"] = {"journal": f"{folder}/journal", "journal_segment_bytes": "300000",
                       "journal_keep_bytes": "4000000"}
json.dump(config, open(f"{folder}/soak.json", "w"))
PYTHON
  config=soak start_gateway soak "$third/own/gateway"
  soak_run
  exit $failed
fi

# The agent: fan-out and fan-in with nothing but Python's standard library.
agent() {
  python3 -B examples/python/agent.py --gateway "$url" --model llama >"$scratch/agent" 2>&1 &&
    grep -q "answered" "$scratch/agent" || { cat "$scratch/agent"; fail "the Python agent"; }
}

through go "$third/own/gateway"
agent
through rust "$third/own/rust/release/gateway"
agent

# Side by side: the same load on the same engines, one router after the other.
router=$third/router/bin/vllm-router
if [[ ! -x $router ]]; then
  python3 -m venv "$third/router" && "$third/router/bin/pip" install -q vllm-router==0.1.17 >"$scratch/pip.log" 2>&1 ||
    { tail -n 3 "$scratch/pip.log"; echo "gateway: vllm-router cannot be installed here; no comparison with it"; }
fi
rows=()
# Only an H100 of each role, so that what is added to a call is the router's doing and not its choice.
python3 - "$scratch" <<'PYTHON'
import json, sys
folder = sys.argv[1]
config = json.load(open(f"{folder}/gateway.json"))
json.dump({**config, "fallback_only": True}, open(f"{folder}/robin.json", "w"))
pair = {**config, "workers": [config["workers"][1], config["workers"][3]]}
json.dump(pair, open(f"{folder}/gateway_pair.json", "w"))
json.dump({**pair, "fallback_only": True}, open(f"{folder}/robin_pair.json", "w"))
PYTHON

# compare NAME START ARGUMENT: START ARGUMENT starts a router for the fleet, START ARGUMENT_pair for the
# pair; both set `url`.
compare() {
  "$2" "$3" || { fail "$1 does not start"; return; }
  load "$url" -workflows 8 -calls 12 -every 150ms >"$scratch/side" 2>&1 || { cat "$scratch/side"; fail "$1 under the side-by-side load"; return; }
  "$2" "${3}_pair" || { fail "$1 does not start"; return; }
  "$third/own/load" -url "$url" -overhead 40 -prefill "http://127.0.0.1:${ports[1]}" -decode "http://127.0.0.1:${ports[3]}" \
    >"$scratch/overhead" || { fail "$1: overhead"; return; }
  rows+=("$(printf '| %-26s | %12.0f | %5.0f | %8.0f | %5.0f | %9.2f | %5.2f |' "$1" "$(field "$scratch/side" workflow_p50_ms)" \
    "$(field "$scratch/side" workflow_p95_ms)" "$(field "$scratch/side" call_p50_ms)" "$(field "$scratch/side" call_p95_ms)" \
    "$(field "$scratch/overhead" overhead_p50_ms)" "$(field "$scratch/overhead" overhead_p95_ms)")")
}
ours() { config=$1 start_gateway "$1" "$third/own/gateway"; }
ours_in_rust() { config=$1 start_gateway "rust_$1" "$third/own/rust/release/gateway"; }
theirs() {
  local i engines=("${!fleet[@]}") legs=() router_ports
  [[ $1 == *_pair ]] && engines=(1 3)
  read -ra router_ports <<<"$(free_ports 2)"
  for i in "${engines[@]}"; do legs+=("--${fleet[$i]%% *}" "http://127.0.0.1:${ports[$i]}"); done
  "$router" --host 127.0.0.1 --port "${router_ports[0]}" --prometheus-port "${router_ports[1]}" --vllm-pd-disaggregation \
    "${legs[@]}" --policy power_of_two --log-level warning >"$scratch/router.log" 2>&1 &
  children+=($!)
  disown $!
  url=http://127.0.0.1:${router_ports[0]}
  (answers "$url/health") || { tail -n 5 "$scratch/router.log"; return 1; }
}
compare "Go gateway, libhexagent" ours gateway
compare "Go gateway, round robin" ours robin
compare "Rust gateway, libhexagent" ours_in_rust gateway
if [[ -x $router ]]; then compare "vllm-router, power_of_two" theirs router; fi
echo "| ms                         | workflow p50 |   p95 | call p50 |   p95 | added p50 |   p95 |"
echo "|---|---|---|---|---|---|---|"
printf '%s\n' "${rows[@]}"
[[ $failed -eq 0 ]] && echo "gateway passed in $SECONDS s"
exit $failed
