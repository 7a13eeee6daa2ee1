#!/usr/bin/env bash
# Installs into a scratch prefix and builds the C example against it, outside the tree, as embedders
# would: with pkg-config and with find_package. Then moves the whole prefix and does it again.
set -euo pipefail
build=$1
source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$source/examples/c/minimal.c" "$scratch/minimal.c"

# check_prefix PREFIX: both kinds of build, and the tool.
check_prefix() {
  local prefix=$1 work library pc
  work=$(mktemp -d -p "$scratch")
  pc=$(dirname "$(find "$prefix" -name hexagent.pc)")
  library=$(dirname "$pc")
  [[ $(PKG_CONFIG_PATH=$pc pkg-config --modversion hexagent) == 0.1.* ]]
  # shellcheck disable=SC2046  # flags are words
  cc -std=c11 -o "$work/by_pkgconfig" "$scratch/minimal.c" \
    $(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs hexagent)
  LD_LIBRARY_PATH=$library "$work/by_pkgconfig" | grep -q WORKFLOW_DONE

  cat > "$work/CMakeLists.txt" <<LISTS
cmake_minimum_required(VERSION 3.25)
project(embedder C)
find_package(hexagent 0.1 REQUIRED)
add_executable(by_package $scratch/minimal.c)
target_link_libraries(by_package PRIVATE hexagent::hexagent)
LISTS
  cmake -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
  cmake --build "$work/build" >/dev/null
  "$work/build/by_package" | grep -q WORKFLOW_DONE
  if [[ -x $prefix/bin/hexagent ]]; then "$prefix/bin/hexagent" --version >/dev/null; fi
}

cmake --install "$build" --prefix "$scratch/usr" >/dev/null
# Neither file may know where it was installed.
if grep -rn "$scratch" "$scratch/usr" --include='*.pc' --include='*.cmake'; then exit 1; fi
check_prefix "$scratch/usr"
mkdir "$scratch/elsewhere"
mv "$scratch/usr" "$scratch/elsewhere/moved"
check_prefix "$scratch/elsewhere/moved"
