"""Adds to the Api of hexagent.h what engines use: all of endpoint.h, and of transport.h the records
and codes that go through it. The rest of transport.h, tables of functions, is for C.
"""

import re

import header

# Function that hands out such a table.
FOR_C_ALONE = ["hexagent_transport_load"]

# What is taken from transport.h: structs, and enums by their first constant with the name of the
# type that they become.
STRUCTS = ["hexagent_kv_pool", "hexagent_kv_blocks", "hexagent_link_estimate"]
ENUMS = {
    "HEXAGENT_MEMORY_HOST": "Memory",
    "HEXAGENT_KV_NHD": "KvLayout",
    "HEXAGENT_TRANSFER_LAYERWISE": "TransferFlags",
    "HEXAGENT_TRANSFER_SOURCE": "TransferSide",
}
ENDPOINT_ENUMS = {"HEXAGENT_ENDPOINT_CONNECTED": "EndpointEventKind"}

COMMENT = r"(?:/\*(?:[^*]|\*(?!/))*\*/\n)?"


def part_of(text):
    """The declarations of transport.h that are taken, with the comment right above each."""
    pieces = []
    for name in STRUCTS:
        found = re.search(
            COMMENT + r"typedef struct " + name + r" \{.*?\} " + name + ";", text, re.DOTALL
        )
        pieces.append((name, found))
    for first in ENUMS:
        found = re.search(COMMENT + r"enum \{\s*" + first + r"\b.*?\};", text, re.DOTALL)
        pieces.append((first, found))
    for name, found in pieces:
        if found is None:
            raise header.HeaderError(f"transport.h: cannot find {name}")
    return "\n\n".join(found[0] for _, found in pieces) + "\n"


def add(api, endpoint, transport):
    """`endpoint` and `transport` are the texts of the two headers."""
    names = {**ENUMS, **ENDPOINT_ENUMS}
    for text in (part_of(transport), endpoint):
        more = header.read(text, pointers=True, versioned=False)
        for family in more.families:
            family.type_name = names.get(family.constants[0].name, "")
        api.families += more.families
        api.structs += more.structs
        api.handles += more.handles
        api.functions += [one for one in more.functions if one.name not in FOR_C_ALONE]
    header.resolve(api)
    return api
