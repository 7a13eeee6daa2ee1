"""Builds and runs the quick starts of README.md as a reader would: `tests/readme_quickstarts.py CACHE_DIR`.

Takes the program of each language out of "Embed it", counts its lines, builds it in a folder of its
own against the installed library that PKG_CONFIG_PATH and LD_LIBRARY_PATH name, and compares what it
prints with what the README says it prints. Called by tests/bindings.sh, which sets the scene.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 15
COLUMNS_MAX = 130
# What a program of the language needs before and after it can say anything.
FRAME = re.compile(
    r"^\s*(#include .*|int main\(void\) \{|package main|import .*|\t(hexagent )?\"[^\"]+\""
    r"|func main\(\) \{|use .*;|fn main\(\) .*\{|[})\s]*)$"
)
GO_MODULE = f"""module quickstart

go 1.19

require github.com/libhexagent/libhexagent/bindings/go v0.0.0

replace github.com/libhexagent/libhexagent/bindings/go => {ROOT}/bindings/go
"""
CARGO_PACKAGE = f"""[package]
name = "readme-quickstart"
version = "0.1.0"
edition = "2021"

[[bin]]
name = "readme-quickstart"
path = "main.rs"

[dependencies]
hexagent = {{ path = "{ROOT}/bindings/rust/hexagent" }}

[workspace]
"""


def run(command, folder, **environment):
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} answered {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def c(folder, cache):
    flags = run(["pkg-config", "--cflags", "--libs", "hexagent"], folder).split()
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
    run(["cc", *warnings, "main.c", *flags, "-o", "quickstart"], folder)
    return run(["./quickstart"], folder)


def go(folder, cache):
    (folder / "go.mod").write_text(GO_MODULE)
    run(["go", "vet", "."], folder)
    unformatted = run(["gofmt", "-d", "main.go"], folder)
    assert unformatted == "", f"gofmt would change the Go quick start:\n{unformatted}"
    return run(["go", "run", "."], folder)


def rust(folder, cache):
    (folder / "Cargo.toml").write_text(CARGO_PACKAGE)
    target = str(cache / "readme_rust")
    return run(["cargo", "run", "-q"], folder, CARGO_TARGET_DIR=target, RUSTFLAGS="-D warnings")


def python(folder, cache):
    path = str(ROOT / "bindings/python")
    return run([sys.executable, "-B", "-W", "error", "main.py"], folder, PYTHONPATH=path)


LANGUAGES = {"c": (c, "main.c"), "go": (go, "main.go"), "rust": (rust, "main.rs"), "python": (python, "main.py")}


def main():
    cache = Path(sys.argv[1]).resolve()
    text = (ROOT / "README.md").read_text()
    section = re.search(r"^## Embed it\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert sorted(name for name, _ in blocks) == sorted([*LANGUAGES, "text"]), "README.md shows other blocks"
    blocks = dict(blocks)
    expected = blocks.pop("text")
    for name, program in blocks.items():
        counted = [line for line in program.splitlines() if not FRAME.match(line)]
        assert len(counted) <= LINES_MAX, f"the {name} quick start has {len(counted)} lines"
        wide = [line for line in counted if len(line.expandtabs(4)) > COLUMNS_MAX]
        assert not wide, f"the {name} quick start is too wide: {wide[0]}"
        build, file = LANGUAGES[name]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / file).write_text(program)
            printed = build(Path(folder), cache)
        assert printed == expected, f"the {name} quick start printed\n{printed}instead of\n{expected}"
        print(f"{name}: {len(counted)} lines")


if __name__ == "__main__":
    main()
