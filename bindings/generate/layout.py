"""Layout facts: size of every public struct, offset, size and type of every field.

They are reckoned from the header, written to bindings/layout.json, compared with the C compiler's
own view here, and with each language's view by the tests of the bindings.
"""

import json
import subprocess
import tempfile
from pathlib import Path


def kind(item):
    return "pointer" if item.pointer else item.type


def facts(api):
    return {
        struct.name: {
            "size": struct.size,
            "fields": [
                {"name": item.name, "offset": item.offset, "type": kind(item), "count": item.count}
                for item in struct.fields
            ],
        }
        for struct in api.structs
    }


def write(api):
    """One line a field, so that a diff shows what moved."""
    structs = []
    for name, struct in facts(api).items():
        fields = ",\n".join("      " + json.dumps(item) for item in struct["fields"])
        structs.append(
            f'  "{name}": {{\n    "size": {struct["size"]},\n    "fields": [\n{fields}\n    ]\n  }}'
        )
    return "{\n" + ",\n".join(structs) + "\n}\n"


def compiler_view(api, compiler, include):
    """What the C compiler says, as a dictionary from "struct" and "struct.field" to numbers."""
    lines = [
        "#include <hexagent/endpoint.h>",
        "#include <stddef.h>",
        "#include <stdio.h>",
        "int main(void) {",
    ]
    for struct in api.structs:
        lines.append(f'printf("{struct.name} %zu 0\\n", sizeof({struct.name}));')
        for item in struct.fields:
            lines.append(
                f'printf("{struct.name}.{item.name} %zu %zu\\n", '
                f"offsetof({struct.name}, {item.name}), sizeof((({struct.name}*)0)->{item.name}));"
            )
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "layout.c"
        program = Path(folder) / "layout"
        source.write_text("\n".join(lines))
        subprocess.run(
            [compiler, "-std=c11", f"-I{include}", str(source), "-o", str(program)], check=True
        )
        output = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    return {
        name: (int(offset), int(size)) for name, offset, size in map(str.split, output.splitlines())
    }


def differences(api, compiler, include):
    """Where the compiler disagrees with what is written; empty when all is well."""
    seen = compiler_view(api, compiler, include)
    expected = {}
    for struct in api.structs:
        expected[struct.name] = (struct.size, 0)
        for item in struct.fields:
            expected[f"{struct.name}.{item.name}"] = (item.offset, item.size)
    return [
        f"{name}: header says {expected[name]}, compiler {seen.get(name)}"
        for name in expected
        if expected[name] != seen.get(name)
    ]
