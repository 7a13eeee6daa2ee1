"""Is the library still what programs built against release 0.1 expect?

    abi_gate.py check LIBRARY    compares; prints what would break them, exit status 1
    abi_gate.py remake LIBRARY   makes the stored headers and baseline anew (see README.md)

Two comparisons, since neither sees everything. abidiff compares the debug information of the built
library with tests/compat/0.1/libhexagent.abi: what the compiler really made. It does not know
constants, and once told that structs with a struct_size may grow at their end, it also lets moved
fields of those pass. So the headers are compared too: constants, field offsets, prototypes. LIBRARY
must be built with -g. Tests: abi_gate_test.py.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
RELEASE = TESTS / "compat" / "0.1"
INCLUDE = ROOT / "include" / "hexagent"
HEADERS = ("hexagent.h", "log.h", "endpoint.h")
BASELINE = RELEASE / "libhexagent.abi"

sys.path.insert(0, str(ROOT / "bindings" / "generate"))
import header  # noqa: E402  (found by the line before)

# Records have a fixed size for ever; every other struct may grow at its end.
SUPPRESSION = """\
[suppress_type]
  type_kind = struct
  name_not_regexp = ^({records})$
  has_data_member_inserted_at = end
"""
# Neither paths nor private types: the baseline is the same wherever it is made.
ABIDW = (
    "abidw --exported-interfaces-only --drop-private-types --drop-undefined-syms --no-corpus-path"
    " --no-comp-dir-path --no-show-locs --no-architecture --no-elf-needed --type-id-style hash"
).split()


# Of callbacks the parser knows nothing; their own parameters are left to abidiff.
CALLBACK = re.compile(r"typedef\s+\w+\s+\(\*(\w+)\)\([^;]*;")


def read_headers(folder):
    """All public headers of a folder as one interface."""
    text = "".join((pathlib.Path(folder) / name).read_text(encoding="utf-8") for name in HEADERS)
    # What endpoint.h takes of transport.h; its layout is a test of its own (transport_layout_test.c).
    transport = (INCLUDE / "transport.h").read_text(encoding="utf-8")
    for name in re.findall(r"typedef struct (hexagent_\w+) \{", transport):
        text += f"typedef struct {name} {name};\n"
    # Structs of set-up may point to strings; for their layout a pointer is a number.
    text = re.sub(r"\bconst char\* (\w+);", r"uint64_t \1;", text)
    for name in CALLBACK.findall(text):
        text = re.sub(rf"\b{name} (\w+[,)])", r"void* \1", text)
    return header.parse(CALLBACK.sub("", text))


def prototype(function):
    kinds = [(item.type, item.pointer, item.const) for item in function.parameters]
    return (function.result, function.result_pointer, function.result_const, kinds)


def compare_structs(old, new):
    found = []
    fields = {item.name: item for item in new.fields}
    for item in old.fields:
        now = fields.get(item.name)
        place = (item.offset, item.type, item.count)
        # Room that was kept may be used: zero went in, so zero must keep its meaning.
        if item.is_reserved and (now is None or now.size < item.size):
            continue
        if now is None:
            found.append(f"{old.name}.{item.name} is gone")
        elif (now.offset, now.type, now.count) != place:
            found.append(f"{old.name}.{item.name} has moved or changed its type")
    if new.size < old.size or (new.size != old.size and not old.is_sized):
        found.append(f"{old.name} has {new.size} bytes instead of {old.size}")
    return found


def compare_headers(old, new):
    """What a program built against `old` would not find again in `new`, one line each."""
    found = []
    constants = {item.name: item.value for family in new.families for item in family.constants}
    for item in (item for family in old.families for item in family.constants):
        if constants.get(item.name) != item.value:
            found.append(f"{item.name} was {item.value}, is {constants.get(item.name)}")
    structs = {struct.name: struct for struct in new.structs}
    for struct in old.structs:
        if struct.name in structs:
            found += compare_structs(struct, structs[struct.name])
        else:
            found.append(f"{struct.name} is gone")
    functions = {function.name: prototype(function) for function in new.functions}
    for function in old.functions:
        if functions.get(function.name) != prototype(function):
            found.append(f"{function.name}() is gone or has another prototype")
    return found


def write_baseline(library, include, to):
    with open(to, "w", encoding="utf-8") as file:
        subprocess.run(
            [*ABIDW, "--headers-dir", str(include), str(library)], stdout=file, check=True
        )


def compare_binaries(baseline, library, include, api):
    """What abidiff says, empty when the library fits the baseline."""
    records = "|".join(struct.name for struct in api.structs if not struct.is_sized)
    with tempfile.TemporaryDirectory() as folder:
        # Both sides as abidw writes them: compared with a library, abidiff would see more of it.
        now = pathlib.Path(folder) / "now.abi"
        write_baseline(library, include, now)
        suppression = pathlib.Path(folder) / "growth.suppr"
        suppression.write_text(SUPPRESSION.format(records=records), encoding="utf-8")
        command = ["abidiff", "--no-added-syms", "--harmless", "--suppressions", str(suppression)]
        result = subprocess.run(
            [*command, str(baseline), str(now)], capture_output=True, text=True
        )
    if result.returncode == 0:
        return ""
    return f"abidiff ends with {result.returncode}:\n{result.stdout}{result.stderr}"


def check(library):
    api = read_headers(INCLUDE)
    found = compare_headers(read_headers(RELEASE), api)
    differences = compare_binaries(BASELINE, library, INCLUDE, api)
    if differences:
        found.append(differences)
    for line in found:
        print(line)
    if found:
        print("programs built against release 0.1 would break; see tests/compat/README.md")
    return 1 if found else 0


def remake(library):
    for name in HEADERS:
        shutil.copyfile(INCLUDE / name, RELEASE / name)
    write_baseline(library, INCLUDE, BASELINE)
    return 0


if __name__ == "__main__":
    COMMANDS = {"check": check, "remake": remake}
    if len(sys.argv) != 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2]))
