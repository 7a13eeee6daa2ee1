#!/usr/bin/env bash
# Compiles the CUDA plugin for sm_80 and sm_90, kernels that spill refused, and checks what can be
# checked without a GPU: `tests/cuda.sh`. Takes the system's toolkit and NCCL, or fetches one into
# the build tree. Where neither can be had it says so and passes. What needs a GPU is
# tests/bench/gpu/run.sh.
set -uo pipefail
cd "$(dirname "$0")/.."
build=build/cuda
log=$(mktemp)
trap 'rm -f "$log"' EXIT

root=$(bash cmake/fetch_cuda.sh build/cuda-toolkit 2>"$log")
case $? in
  0) root=$(tail -n 1 <<<"$root") ;;
  3) echo "cuda: SKIPPED, no CUDA toolkit here and none to be fetched: the plugin was not compiled"; exit 0 ;;
  *) cat "$log"; echo "cuda: FAILED to fetch a toolkit"; exit 1 ;;
esac

launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache)
fi
failed=0
complain() { echo "cuda: $1"; failed=1; }

if ! cmake -G Ninja --no-warn-unused-cli -S . -B $build "${launcher[@]}" -DCMAKE_BUILD_TYPE=Release -DHEXAGENT_CUDA=ON \
     -DCUDAToolkit_ROOT="$root" -DHEXAGENT_BUILD_TOOL=OFF -DHEXAGENT_BUILD_EXAMPLES=OFF >"$log" 2>&1 ||
   ! cmake --build $build -j 2 --target hexagent_cuda plugin_check gpu_bench hexagent >"$log" 2>&1; then
  grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | head -n 60
  echo "cuda: does not build"
  exit 1
fi

plugin=$(find $build -name hexagent_cuda.so | head -n 1)
exports=$(nm -D --defined-only "$plugin" | awk '$2 != "A" { print $3 }')
[[ $exports == hexagent_transport_query ]] || complain "it exports more than its query: $exports"
needed=$(readelf -d "$plugin" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
grep -qE 'cuda|nccl|libuv' <<<"$needed" && complain "it is linked with $needed"
base=$(readelf -d "$(find $build/lib -name 'libhexagent.so*' -type f | head -n 1)" | grep NEEDED)
grep -qE 'cuda|nccl' <<<"$base" && complain "the library is linked with $base"

start=$(date +%s%N)
answer=$($build/tests/plugin_check "$plugin" 2>&1) || complain "plugin_check: $answer"
took=$((($(date +%s%N) - start) / 1000000))
[[ $failed -eq 0 ]] || exit 1
echo "cuda: $(stat -c %s "$plugin") bytes for sm_80 and sm_90, no spills, one symbol; $answer (loaded in $took ms)"
