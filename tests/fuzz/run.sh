#!/usr/bin/env bash
# Builds the fuzz targets and runs each for some seconds (20 if not told) on its corpus, two at a time. A finding
# fails the run and stays in build/fuzz/found; it becomes a named test.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-20}

launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
cmake --preset fuzz "${launcher[@]}" >/dev/null
log=$(mktemp)
if ! cmake --build --preset fuzz -j 2 >"$log" 2>&1; then
  grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | head -n 60
  exit 1
fi
rm -f "$log"

found=build/fuzz/found
mkdir -p "$found"

# fuzz NAME: one target; its line is one write, since two run at a time.
fuzz() {
  local name=$1 learnt=build/fuzz/learnt/$1 log=build/fuzz/$1.log corpora
  # What is learnt stays in the build folder; the committed corpus is only read.
  mkdir -p "$learnt"
  corpora=("$learnt" "tests/fuzz/corpus/$name")
  if [[ $name == snapshot_fuzz ]]; then corpora+=(tests/compat/*/snapshot); fi
  if "build/fuzz/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
       -artifact_prefix="$found/$name-" "${corpora[@]}" >"$log" 2>&1; then
    echo "$name: $(grep -oE 'number_of_executed_units: [0-9]+' "$log" | grep -oE '[0-9]+') runs"
  else
    echo "$name: found something"$'\n'"$(tail -n 40 "$log")"
    return 1
  fi
}

jobs=()
failed=0
for source in tests/fuzz/*_fuzz.cc; do
  if [[ ${#jobs[@]} -ge 2 ]]; then
    wait "${jobs[0]}" || failed=1
    jobs=("${jobs[@]:1}")
  fi
  fuzz "$(basename "$source" .cc)" &
  jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
exit $failed
