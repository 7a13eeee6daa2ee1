#!/usr/bin/env bash
# Runs the adapter for NIXL over the real one, UCX by TCP between processes of which some are
# killed: `tests/nixl.sh BUILD`, a build of the tests. Fetches NIXL's wheel into the build tree; where
# that cannot be had it says so and passes. Without the real NIXL the tests use a scripted one.
set -uo pipefail
cd "$(dirname "$0")/.."
test=$1/tests/unit.transport.nixl.real_nixl_test
log=$(mktemp)
trap 'rm -f "$log"' EXIT

site=$(bash tests/bench/peers/fetch.sh build/peers/python nixl-cu12==1.5.1 2>"$log")
library=$(find "$site" -path '*/.nixl_cu12.mesonpy.libs/libnixl_capi.so' 2>/dev/null | head -n 1)
if [[ -z $site || -z $library ]]; then
  echo "nixl: SKIPPED, no wheel of NIXL to be had: the adapter was not run over it"
  exit 0
fi
if ! HEXAGENT_NIXL_LIBRARY=$(realpath "$library") "$test" >"$log" 2>&1; then
  cat "$log"
  echo "nixl: FAILED"
  exit 1
fi
echo "nixl: $(grep -c '^\[       OK' "$log") tests over NIXL 1.5.1"
