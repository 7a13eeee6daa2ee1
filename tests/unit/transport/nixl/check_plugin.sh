#!/usr/bin/env bash
# hexagent_nixl.so exports its query alone and needs nothing of NIXL, UCX or libuv's to be loaded:
# `check_plugin.sh PLUGIN`.
set -euo pipefail
exported=$(nm -D --defined-only "$1" | awk '{ print $3 }' | grep -v '^__' || true)
[[ $exported == hexagent_transport_query ]] || { echo "exports: $exported"; exit 1; }
needed=$(readelf -d "$1" | grep NEEDED)
if grep -qE 'nixl|uc[pst]|cuda' <<< "$needed"; then echo "$needed"; exit 1; fi
