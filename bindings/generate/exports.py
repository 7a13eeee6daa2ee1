"""The two hand-kept lists of exported symbols must name exactly the functions of the header."""

import re


def differences(api, version_script, symbols):
    declared = [function.name for function in api.functions]
    problems = []
    mapped = re.findall(r"^\s*(hexagent_\w+);", version_script, re.MULTILINE)
    for where, names in (("cmake/hexagent.map", mapped), ("tests/abi/symbols.txt", symbols.split())):
        problems += [f"{where} lacks {name}" for name in declared if name not in names]
        problems += [f"{where} has {name}, the header does not" for name in names if name not in declared]
        problems += [f"{where} has {name} twice" for name in sorted(set(names)) if names.count(name) > 1]
    return problems
