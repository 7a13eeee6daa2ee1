#!/usr/bin/env bash
# Measures our host transports beside other transfer libraries, between two processes of this
# machine, at the same sizes: `tests/bench/peers/run.sh [ROUNDS]` (5), or with `--ways` before it the
# host-memory transport alone, one copy against two. No GPU. Builds first, fetches
# the peers' wheels into build/peers/python, then prints one table in Markdown and leaves peers.json
# beside it. Needs Python 3.10 or newer with venv; a peer whose wheel cannot be had is named and
# left out. Takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/../../.."
ways=
if [[ ${1:-} == --ways ]]; then
  ways=$1
  shift
fi
rounds=${1:-5}
build=build/peers
python=$build/python
peers=(mooncake-transfer-engine-non-cuda==0.3.13.post1 nixl-cu12==1.5.1)

cmake -G Ninja --no-warn-unused-cli -S . -B $build -DCMAKE_BUILD_TYPE=Release -DHEXAGENT_CUDA=OFF \
  -DHEXAGENT_BUILD_TOOL=OFF -DHEXAGENT_BUILD_EXAMPLES=OFF >/dev/null
targets=$(cmake --build $build --target help | grep -oE '^(peers_pair|hexagent_nixl):' | tr -d :)
# shellcheck disable=SC2086
cmake --build $build --target $targets >/dev/null

machine="$(date -u +%F), $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r)"
if [[ -n $ways ]]; then
  echo "$machine"
  echo
  exec python3 -B tests/bench/peers/compare.py --ways --pair $build/tests/peers_pair \
    --rounds "$rounds" --out $build
fi

site=$(bash tests/bench/peers/fetch.sh $python "${peers[@]}")
plugin=$(find $build -name hexagent_nixl.so | head -n 1)

echo "$machine"
echo "${peers[*]}"
echo
exec $python/bin/python -B tests/bench/peers/compare.py --pair $build/tests/peers_pair \
  --python $python/bin/python --site "$site" --rounds "$rounds" --out $build \
  ${plugin:+--plugin "$(realpath "$plugin")"}
