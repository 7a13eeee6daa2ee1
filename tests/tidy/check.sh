#!/usr/bin/env bash
# Rules a reader should never have to point out: layout, lengths, forbidden includes, stray notes.
set -uo pipefail
failed=0
complain() { echo "tidy: $1"; failed=1; }

mapfile -t sources < <(git ls-files --cached --others --exclude-standard \
  'include/*.h' 'src/*.cc' 'src/*.h' 'tests/*.cc' 'tests/*.c' 'tests/*.h' 'examples/*.c' \
  ':!tests/compat/*/hexagent.h' ':!tests/compat/*/endpoint.h') # a released header stays as it was
for file in "${sources[@]}"; do
  [[ -f $file ]] || continue
  long=$(awk 'length > 100 { print FILENAME ":" FNR; exit }' "$file")
  [[ -z $long ]] || complain "$long is over 100 columns"
  lines=$(wc -l < "$file")
  # The public header is one file by design, half of it prose.
  if [[ $file == include/hexagent/hexagent.h ]]; then most=1600; else most=900; fi
  [[ $lines -le $most ]] || complain "$file has $lines lines; $most is the most"
done

forbidden='#include *[<"](uv\.h|chrono|thread|mutex|atomic|fstream|iostream|random|unordered_map|unordered_set|regex|locale)[>"]'
hits=$(grep -rnE "$forbidden" src/core) && complain "forbidden in src/core: $hits"
hits=$(grep -rnE '#include "(runtime|capi|metrics|sim|tool)/' src/core) && complain "core looks outward: $hits"
# (but for the benchmark of the intake ring, which is no part of the ABI)
hits=$(grep -rnE '#include "(core|runtime|capi|metrics)/' src/sim src/tool | grep -v 'src/tool/bench_ring.cc') &&
  complain "the simulator and the tool use the public header only: $hits"
hits=$(grep -rnE '(TODO|FIXME|XXX)' src include examples/c | grep -vE '#[0-9]+') &&
  complain "a note without an issue number: $hits"
if command -v clang-format >/dev/null; then
  clang-format --dry-run -Werror "${sources[@]}" 2>/dev/null ||
    complain "clang-format would change: $(clang-format --dry-run "${sources[@]}" 2>&1 |
      grep -oE '^[^:]+' | sort -u | head -5 | tr '\n' ' ')"
fi
# Nothing else reads these before somebody wants their figures.
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard 'tests/bench/*.py')
for file in "${scripts[@]}"; do
  python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file" 2>/dev/null ||
    complain "$file is no Python"
  [[ -z $(awk 'length > 100' "$file") ]] || complain "$file is over 100 columns"
done
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard 'tests/bench/*.sh')
for file in "${scripts[@]}"; do
  bash -n "$file" || complain "$file is no shell script"
done
exit $failed
