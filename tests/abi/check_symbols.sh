#!/usr/bin/env bash
# The library exports exactly the functions listed, nothing of libstdc++ and nothing by accident.
set -euo pipefail
library=$1
list=$2
found=$(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort)
diff <(sort "$list") <(echo "$found") || { echo "exported symbols differ from $list"; exit 1; }
