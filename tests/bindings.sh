#!/usr/bin/env bash
# Tests the bindings against a library that is built: `tests/bindings.sh BUILD_DIR`. Installs it into
# a prefix of its own, as an embedder would have it, and runs the conformance vectors, the tests, the
# quick start of each language and those of README.md there. Where Debian's own Go and Rust are installed beside newer ones
# they run too: they are the oldest that must work. One line a part; what fails is shown in full.
set -uo pipefail
cd "$(dirname "$0")/.."
build=$(cd "${1:?usage: tests/bindings.sh BUILD_DIR}" && pwd)
root=$PWD
bash cmake/install_dependencies.sh bindings || exit 1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The prefix stays where it is from run to run, since Go's cache remembers the linker's flags.
cache=$build/bindings
prefix=$cache/usr
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >/dev/null || exit 1
pc=$(dirname "$(find "$prefix" -name hexagent.pc)")
sed -i "s|^prefix=.*|prefix=$prefix|" "$pc/hexagent.pc"
export PKG_CONFIG_PATH=$pc
export LD_LIBRARY_PATH=${pc%/pkgconfig}
export GOCACHE=$cache/go GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-count=1 CARGO_NET_OFFLINE=true

failed=0
# part NAME COMMAND...: runs it quietly; one line, or all of its output when it fails.
part() {
  local name=$1 from=$SECONDS
  shift
  if "$@" >"$scratch/log" 2>&1; then
    echo "$name passed in $((SECONDS - from)) s"
  else
    cat "$scratch/log"
    echo "$name FAILED"
    failed=1
  fi
}

generated() { python3 -B bindings/generate --check --cc cc; }

# What a README shows must stand in the example that is run.
readme_shows() {
  python3 -B - "$1" "$2" <<'PYTHON'
import re, sys, textwrap
readme, example = (open(path).read() for path in sys.argv[1:])
block = re.search(r"<!-- from the example -->\n```[\w,]+\n(.*?)```", readme, re.DOTALL)
assert block, f"{sys.argv[1]} shows no code"
plain = lambda text: [line.strip() for line in text.splitlines() if line.strip()]
shown, whole = plain(block[1]), plain(example)
assert any(whole[i:i + len(shown)] == shown for i in range(len(whole))), f"{sys.argv[1]} shows other code than {sys.argv[2]}"
PYTHON
}

ends_well() { "$@" | tee "$scratch/shown" && tail -n 1 "$scratch/shown" | grep -qiE 'workflow_?done'; }

python_tests() { (cd bindings/python && PYTHONPATH=. python3 -B -W error::ResourceWarning -m unittest discover -s tests); }
python_quickstart() {
  PYTHONPATH=bindings/python ends_well python3 -B examples/python/quickstart.py &&
    readme_shows bindings/python/README.md examples/python/quickstart.py
}
python_questions() {
  PYTHONPATH=bindings/python python3 -B examples/python/placement.py | tee "$scratch/shown" &&
    grep -q '^questions answered' "$scratch/shown" && grep -q 'meets' "$scratch/shown" && grep -q 'misses' "$scratch/shown"
}
go_gateway() { (cd examples/go/gateway && go vet . && go test -race .); }
go_tests() { (cd bindings/go && GODEBUG=cgocheck=${2:-1} "$1" test -race ./...); }
go_lint() { (cd bindings/go && go vet ./... && [[ -z $(gofmt -l . "$root/examples/go" "$root/tests/gateway" "$root/tests/boundary") ]]); }
go_quickstart() {
  (cd examples/go/quickstart && ends_well go run .) &&
    readme_shows bindings/go/README.md examples/go/quickstart/main.go
}
rust_tests() { (cd bindings/rust && CARGO_TARGET_DIR=$2 "$1" test --workspace); }
rust_floor() { RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc rust_tests /usr/bin/cargo "$cache/rust_floor"; }
# Two crates of the registry's, unlike the binding.
rust_gateway() { (cd examples/rust/gateway && CARGO_NET_OFFLINE=false CARGO_TARGET_DIR=$cache/rust_gateway cargo test --locked); }
rust_quickstart() {
  (cd bindings/rust && CARGO_TARGET_DIR=$cache/rust ends_well cargo run -q --example quickstart) &&
    readme_shows bindings/rust/hexagent/README.md examples/rust/quickstart.rs
}

# Measures next to nothing: all rows must be there, five of the languages and five of rivals.
boundary() {
  python3 -B tests/boundary/run.py "$build" --smoke --json "$scratch/boundary.json" | tee "$scratch/shown" &&
    [[ $(grep -c '^| .* |$' "$scratch/shown") -eq 11 ]] && python3 -m json.tool "$scratch/boundary.json"
}
readme_quickstarts() { python3 -B tests/readme_quickstarts.py "$cache"; }

part "generated files" generated
part "conformance in C" "$build/tests/conformance.conformance_test"
part "Python tests" python_tests
part "Python quick start" python_quickstart
part "Python questions" python_questions
part "Go vet and layout" go_lint
part "Go tests ($(go version | cut -d ' ' -f 3))" go_tests go
if [[ -x /usr/lib/go/bin/go && $(command -v go) != /usr/bin/go ]]; then
  part "Go tests ($(/usr/lib/go/bin/go version | cut -d ' ' -f 3))" go_tests /usr/lib/go/bin/go 2
fi
part "Go quick start" go_quickstart
part "Go gateway" go_gateway
part "Rust tests ($(cargo --version))" rust_tests cargo "$cache/rust"
if [[ -x /usr/bin/cargo && $(command -v cargo) != /usr/bin/cargo ]]; then
  part "Rust tests ($(/usr/bin/rustc --version))" rust_floor
fi
part "Rust quick start" rust_quickstart
part "Rust gateway" rust_gateway
part "README quick starts" readme_quickstarts
part "benchmark of the boundary" boundary
exit $failed
