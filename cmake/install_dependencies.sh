#!/usr/bin/env bash
# Installs what a build needs from Debian, and only what is missing. `install_dependencies.sh tests`
# adds what the tests need, `bindings` what those of the bindings need. Says what it installs and why.
set -euo pipefail

wanted=(
  "build-essential:the g++ 12 compiler and make"
  "cmake:the build system"
  "ninja-build:runs the build"
  "pkg-config:finds libraries without a CMake package"
  "libuv1-dev:event loop of the library's own-thread driving"
  "libflatbuffers-dev:journal format"
  "flatbuffers-compiler:journal format, schema compiler"
  "libcli11-dev:command line of the hexagent tool"
  "libboost-dev:Boost.Lockfree, the rival queue of hexagent bench ring; not in the library"
  "nlohmann-json3-dev:traces, profiles and reports of the simulator"
  "coinor-libclp-dev:linear program behind lambda*, simulator only"
  "zlib1g-dev:compressed trace files"
)
if [[ "${1:-}" == tests ]]; then
  wanted+=(
    "libcmocka-dev:unit tests"
    "clang:second compiler, sanitizers"
    "libclang-rt-14-dev:sanitizer runtimes of clang"
    "clang-format:layout check"
    "clang-tidy:static checks"
    "abigail-tools:abidiff, compares the library's ABI with the released one"
    "git:the list of files to check"
    "python3:generator and tests of the bindings"
  )
fi
if [[ "${1:-}" == bindings ]]; then
  wanted+=(
    "python3:generator and tests of the bindings"
    "python3-venv:vllm-router beside our gateways in their test"
    "curl:asks the gateways in their test"
  )
  # Newer ones from elsewhere will do.
  command -v go >/dev/null || wanted+=("golang-go:Go binding")
  command -v cargo >/dev/null || wanted+=("cargo:Rust binding")
fi

missing=()
for entry in "${wanted[@]}"; do
  package=${entry%%:*}
  if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
    echo "installing $package: ${entry#*:}"
    missing+=("$package")
  fi
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "all Debian packages are installed"
  exit 0
fi
root=()
if [[ $(id -u) -ne 0 ]]; then root=(sudo); fi
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -qq
"${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "installed ${#missing[@]} packages"
