#!/usr/bin/env bash
# Runs the tests. `tests/run.sh quick` for daily work: debug build and all its tests; `tests/run.sh tsan`:
# what has to do with threads, under ThreadSanitizer. Without an argument everything: debug, sanitizers,
# the clang build, the quick start, determinism across compilers, fuzzing, another architecture, the
# gateways against engine simulators, static checks. Installs what it needs first. Ends with one line,
# "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
mode=${1:-full}
passed=0
failed=0
started=$SECONDS

bash cmake/install_dependencies.sh tests || { echo "0 passed, 1 failed"; exit 1; }
launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

# step NAME COMMAND...: one thing that passes or fails as a whole.
step() {
  local name=$1 from=$SECONDS
  shift
  echo "=== $name"
  if "$@"; then
    passed=$((passed + 1))
    echo "=== $name passed in $((SECONDS - from)) s"
  else
    failed=$((failed + 1))
    echo "=== $name FAILED after $((SECONDS - from)) s"
  fi
}

# compact COMMAND...: the last line of what it prints, or, when it fails, all that is no progress.
compact() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  if [[ $status -eq 0 ]]; then tail -n 1 "$log"; else grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | head -n 60; fi
  rm -f "$log"
  return $status
}

# suite PRESET [TARGET LABEL]: configures, builds and runs every ctest of one preset, counting each
# test; with a target and a label just that target and the tests of that label.
suite() {
  local preset=$1 target=${2:-all} label=${3:-.} log
  log=$(mktemp)
  build_preset() {
    cmake --preset "$preset" "${launcher[@]}" >/dev/null &&
      compact cmake --build --preset "$preset" --target "$target" -j 2
  }
  local before=$failed
  step "$preset build" build_preset
  if [[ $failed -gt $before ]]; then return; fi
  local selected=()
  if [[ $label != . ]]; then selected=(-L "$label"); fi
  ctest --test-dir "build/$preset" "${selected[@]}" -j 2 --output-on-failure 2>&1 | tee "$log" | grep -vE '^ *(Start|Test project|[0-9]+/[0-9]+ Test .*Passed)'
  local total bad
  total=$(grep -oE 'out of [0-9]+' "$log" | grep -oE '[0-9]+' | tail -n 1)
  bad=$(grep -oE '[0-9]+ tests failed' "$log" | grep -oE '^[0-9]+' | tail -n 1)
  total=${total:-0}
  bad=${bad:-$total}
  passed=$((passed + total - bad))
  failed=$((failed + bad))
  if [[ $total -eq 0 ]]; then failed=$((failed + 1)); fi
  rm -f "$log"
}

static_checks() {
  # (the debug build is the one that compiles file by file)
  git ls-files 'src/core/*.cc' | xargs -P 2 -n 8 clang-tidy -p build/debug --quiet 2>/dev/null
}

if [[ $mode == tsan ]]; then
  suite tsan thread_tests threads
else
  suite debug
fi
if [[ $mode == full ]]; then
  suite asan
  suite tsan thread_tests threads
  suite clang
  # (whose build is the one of g++ -O2)
  step "quick start" bash examples/quickstart.sh --smoke
  step "determinism: g++ -O0, g++ -O2, clang" \
    bash tests/sim/determinism.sh build/debug build build/clang
  step "fuzzing" bash tests/fuzz/run.sh 20
  step "64-bit ARM under qemu" bash tests/aarch64.sh
  step "bindings" bash tests/bindings.sh build/clang
  step "CUDA plugin" bash tests/cuda.sh
  step "NIXL" bash tests/nixl.sh build/clang
  step "gateway" bash tests/gateway.sh build/clang
  step "clang-tidy" static_checks
fi

echo "tests took $((SECONDS - started)) s"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
