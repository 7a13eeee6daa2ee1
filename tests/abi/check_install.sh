#!/usr/bin/env bash
# Installs into a scratch prefix and builds the C example against it twice, as embedders would:
# with pkg-config and with find_package.
set -euo pipefail
build=$1
source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/usr" >/dev/null
pc=$(dirname "$(find "$scratch/usr" -name hexagent.pc)")
library=$(dirname "$pc")
sed -i "s|^prefix=.*|prefix=$scratch/usr|" "$pc/hexagent.pc"
export PKG_CONFIG_PATH=$pc
cc -std=c11 -o "$scratch/by_pkgconfig" "$source/examples/c/minimal.c" \
  $(pkg-config --cflags --libs hexagent)
LD_LIBRARY_PATH=$library "$scratch/by_pkgconfig" | grep -q WORKFLOW_DONE

mkdir "$scratch/project"
cat > "$scratch/project/CMakeLists.txt" <<LISTS
cmake_minimum_required(VERSION 3.25)
project(embedder C)
find_package(hexagent 0.1 REQUIRED)
add_executable(by_package $source/examples/c/minimal.c)
target_link_libraries(by_package PRIVATE hexagent::hexagent)
LISTS
cmake -S "$scratch/project" -B "$scratch/project/build" -DCMAKE_PREFIX_PATH="$scratch/usr" >/dev/null
cmake --build "$scratch/project/build" >/dev/null
"$scratch/project/build/by_package" | grep -q WORKFLOW_DONE
"$scratch/usr/bin/hexagent" --version >/dev/null
