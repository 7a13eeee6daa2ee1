#!/usr/bin/env bash
# Makes a CUDA toolkit and NCCL out of NVIDIA's Python packages, in a private environment:
# `cmake/fetch_cuda.sh DIR`. The last line it prints is the root to give as CUDAToolkit_ROOT; with a
# toolkit of the system's that is the system's, and nothing is fetched. Ends with 3 where neither is to be had.
set -euo pipefail
into=${1:?usage: cmake/fetch_cuda.sh DIR}

# Pinned, since the packages do not pin each other. One set that was built and tested together.
packages=(
  nvidia-cuda-nvcc==13.0.88
  nvidia-nvvm==13.0.88
  nvidia-cuda-crt==13.0.88
  nvidia-cuda-runtime==13.0.96
  nvidia-cuda-cccl==13.0.85
  nvidia-nccl-cu13==2.28.9
)

for root in "${CUDA_HOME:-}" /usr/local/cuda; do
  if [[ -n $root && -x $root/bin/nvcc && $into != "$root" ]] &&
     { [[ -e $root/include/nccl.h ]] || [[ -e /usr/include/nccl.h ]]; }; then
    echo "found a toolkit and NCCL"
    echo "$root"
    exit 0
  fi
done

stamp=$into/.packages
if [[ ! -e $stamp || $(cat "$stamp") != "${packages[*]}" ]]; then
  rm -rf "$into"
  if ! python3 -m venv "$into" ||
     ! "$into/bin/pip" install --quiet --disable-pip-version-check --no-deps "${packages[@]}"; then
    rm -rf "$into"
    echo "the packages of a CUDA toolkit cannot be had here" >&2
    exit 3
  fi
  nvcc=$(find "$into" -path '*/bin/nvcc' | head -n 1)
  root=$(cd "$(dirname "$nvcc")/.." && pwd)
  # nvcc looks for its libraries in lib64, and CMake for one without a version in its name.
  [[ -e $root/lib64 ]] || ln -s lib "$root/lib64"
  [[ -e $root/lib/libcudart.so ]] || ln -s "$(basename "$root"/lib/libcudart.so.*)" "$root/lib/libcudart.so"
  echo "${packages[*]}" >"$stamp"
  echo "fetched ${#packages[@]} packages"
fi
nvcc=$(find "$into" -path '*/bin/nvcc' | head -n 1)
(cd "$(dirname "$nvcc")/.." && pwd)
