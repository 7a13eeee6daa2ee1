"""What is kept by hand must not fall behind the header: the two lists of exported symbols, and the
layers of the bindings that people use.
"""

import re


# Of a header beside hexagent.h whose functions are exported too, and bindings do not offer them.
def declared_in(text):
    return re.findall(r"^HEXAGENT_API\b[^;(]*?\b(hexagent_\w+)\(", text, re.MULTILINE)


def differences(api, version_script, symbols, others=()):
    declared = [function.name for function in api.functions] + list(others)
    problems = []
    mapped = re.findall(r"^\s*(hexagent_\w+);", version_script, re.MULTILINE)
    for where, names in (
        ("cmake/hexagent.map", mapped),
        ("tests/abi/symbols.txt", symbols.split()),
    ):
        problems += [f"{where} lacks {name}" for name in declared if name not in names]
        problems += [
            f"{where} has {name}, the header does not" for name in names if name not in declared
        ]
        problems += [
            f"{where} has {name} twice" for name in sorted(set(names)) if names.count(name) > 1
        ]
    return problems


# Language -> the hand-written files of its layer, and how a call of a C function looks there.
LAYERS = {
    "Go": ("bindings/go", "*.go", r"(?:\bC\.|\breturn )(hexagent_\w+)\("),
    "Rust": ("bindings/rust/hexagent/src", "*.rs", r"\bsys::(hexagent_\w+)\("),
    "Python": ("bindings/python/hexagent", "*.py", r"\blibrary\.(hexagent_\w+)\b"),
}


def unwrapped(api, root, known):
    """Functions that a language's own layer does not call and `known` (names, one a line) does not
    admit. What is generated reaches every function; what people use is written by hand."""
    problems = []
    admitted = set(line for line in known.split("\n") if line and not line.startswith("#"))
    for language, (folder, pattern, call) in LAYERS.items():
        text = "".join(path.read_text() for path in sorted((root / folder).glob(pattern)))
        called = set(re.findall(call, text))
        problems += [
            f"the {language} binding does not offer {function.name}; wrap it, or admit that in "
            "bindings/generate/unwrapped.txt"
            for function in api.functions
            if function.name not in called | admitted
        ]
    return problems
