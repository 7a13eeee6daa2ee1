#!/usr/bin/env bash
# Installs wheels alone into a virtual environment of the build tree, and what those of other
# transfer libraries link and do not bring: `fetch.sh FOLDER WHEEL...`. Prints the folder of their
# modules; what could not be had is named on the error output. Needs Python 3.10 or newer with venv.
set -euo pipefail
python=$1
shift
if ! ldconfig -p | grep -q libibverbs.so.1; then
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing libibverbs1" >&2
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends libibverbs1; } >&2 ||
      echo "libibverbs1 could not be installed; the peers may fail" >&2
  else
    echo "libibverbs.so.1 is missing (Debian: libibverbs1); the peers may fail" >&2
  fi
fi
[[ -x $python/bin/python ]] || python3 -m venv "$python"
# Alone: what they depend on (torch, and the servers of a store) has nothing to do with a transfer.
for wheel in "$@"; do
  "$python/bin/pip" install -q --disable-pip-version-check --no-deps "$wheel" >&2 ||
    echo "$wheel could not be had" >&2
done
"$python/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
