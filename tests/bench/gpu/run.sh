#!/usr/bin/env bash
# Measures the CUDA plugin on the first GPU of this machine: `tests/bench/gpu/run.sh [BUILD_DIR]`.
# Builds first, unless it is given a folder that has been built (by tests/cuda.sh, say), then checks
# correctness and prints a table in Markdown for src/transport/README.md. Takes less than 8 minutes
# after the build. HEXAGENT_NCCL may name the libnccl.so.2 to use.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=${1:-}
if [[ -z $build ]]; then
  build=build/cuda
  root=$(bash cmake/fetch_cuda.sh build/cuda-toolkit | tail -n 1)
  cmake -G Ninja --no-warn-unused-cli -S . -B $build -DCMAKE_BUILD_TYPE=Release -DHEXAGENT_CUDA=ON \
    -DCUDAToolkit_ROOT="$root" -DHEXAGENT_BUILD_TOOL=OFF -DHEXAGENT_BUILD_EXAMPLES=OFF >/dev/null
  cmake --build $build --target gpu_bench >/dev/null
fi
bench=$build/tests/gpu_bench
plugin=$(find "$build" -name hexagent_cuda.so | head -n 1)
nccl=${HEXAGENT_NCCL:-}
if [[ -z $nccl ]]; then
  # As fetched, if it is; else the system's.
  nccl=$(find build/cuda-toolkit -name libnccl.so.2 2>/dev/null | head -n 1 || true)
fi
if command -v nvidia-smi >/dev/null; then
  echo "Clocks and load before: $(nvidia-smi --query-gpu=clocks.sm,clocks.mem,utilization.gpu,temperature.gpu --format=csv,noheader | head -n 1)"
  echo
fi
exec timeout 470 "$bench" "$(realpath "$plugin")" ${nccl:+"$nccl"}
