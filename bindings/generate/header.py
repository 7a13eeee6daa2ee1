"""Reads include/hexagent/hexagent.h into an Api.

The header keeps to a small subset of C (fixed-width integers, no unions, bit-fields, callbacks or
inlines), so a tokeniser of forty lines is enough. Anything it does not know stops the generator:
a binding must not be generated from half a header. Pointers in records, which hexagent.h must not
have, are read where the caller allows them (beside.py). Tests: bindings/python/tests/test_generate.py.
"""

import re
from dataclasses import dataclass, field

# C type -> size and alignment in bytes; the whole list of scalars a header may use.
SCALARS = {
    "uint8_t": 1,
    "char": 1,
    "int32_t": 4,
    "uint32_t": 4,
    "int64_t": 8,
    "uint64_t": 8,
    "double": 8,
    "hexagent_status": 4,
}
POINTER = 8
PREFIX = "HEXAGENT_"


class HeaderError(Exception):
    """The header uses something that the bindings cannot express."""


@dataclass
class Constant:
    name: str  # with its HEXAGENT_ prefix
    value: int
    doc: str


@dataclass
class Family:
    """One anonymous enum. `prefix` ends with an underscore; empty for a lone constant."""

    prefix: str
    doc: str
    constants: list
    type_name: str = ""  # in the target languages, if it does not follow from the prefix

    @property
    def is_status(self):
        return self.constants[0].name == "HEXAGENT_OK"

    @property
    def is_flags(self):
        return self.doc.startswith("Flags") or "bit set" in self.doc

    def short(self, constant):
        return constant.name[len(self.prefix) :]


@dataclass
class Field:
    name: str
    type: str
    count: int  # 0 = not an array
    doc: str
    offset: int = 0
    family: str = ""  # prefix of the constants its comment names, or the first of them
    pointer: bool = False  # to constant memory that is read during the call

    @property
    def is_reserved(self):
        return self.name.startswith("reserved")

    @property
    def unit(self):
        """Bytes of one, which is also what it is aligned to."""
        return POINTER if self.pointer else SCALARS[self.type]

    @property
    def size(self):
        return self.unit * max(self.count, 1)


@dataclass
class Struct:
    name: str  # hexagent_call
    doc: str
    fields: list
    size: int = 0
    is_input: bool = False
    is_output: bool = False

    @property
    def is_sized(self):
        return self.fields[0].name == "struct_size"

    @property
    def short(self):
        return self.name[len("hexagent_") :]


@dataclass
class Parameter:
    name: str
    type: str
    pointer: bool
    const: bool


@dataclass
class Function:
    name: str
    result: str
    result_pointer: bool
    result_const: bool
    parameters: list
    doc: str


@dataclass
class Api:
    version: tuple = ()
    families: list = field(default_factory=list)
    structs: list = field(default_factory=list)
    handles: list = field(default_factory=list)  # opaque structs
    functions: list = field(default_factory=list)

    def family_of(self, key):
        """By its prefix, or by its first constant where several have one prefix."""
        return next(
            (one for one in self.families if key in (one.prefix, one.constants[0].name)), None
        )


def clean(comment):
    """The text of a C comment; paragraphs and indentation stay, decoration goes."""
    body = re.sub(r"^/\*\*?|\*/$", "", comment).strip("\n")
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in body.split("\n")]
    return "\n".join(lines).strip()


TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/)
      | (?P<directive>\#(?:[^\n]*\\\n)*[^\n]*)
      | (?P<guard>extern\s+"C"\s*\{ | \}(?=\s*\#endif))
      | (?P<handle>typedef\s+struct\s+(?P<handle_name>\w+)\s+(?P=handle_name)\s*;)
      | (?P<struct>typedef\s+struct\s+(?P<struct_name>\w+)\s*\{(?P<members>.*?)\}\s*(?P=struct_name)\s*;)
      | (?P<alias>typedef\s+int32_t\s+hexagent_status\s*;)
      | (?P<enum>enum\s*\{(?P<values>.*?)\}\s*;)
      | (?P<function>HEXAGENT_API\s+(?P<prototype>[^;]*?)\s*HEXAGENT_NOEXCEPT\s*;)
      | (?P<space>\s+)""",
    re.DOTALL | re.VERBOSE,
)


def parse(text):
    api = read(text)
    resolve(api)
    return api


def read(text, pointers=False, versioned=True):
    """What is declared, with types that are not looked up yet."""
    api = Api()
    version = {}
    position = 0
    doc = ""
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            raise HeaderError(
                f"line {line}: not in the header's subset: {text[position:position + 60]!r}"
            )
        position = match.end()
        kind = match.lastgroup if match.lastgroup in TOKEN.groupindex else None
        for name in ("comment", "directive", "handle", "struct", "enum", "function", "space"):
            if match.group(name) is not None:
                kind = name
        if kind == "comment":
            doc = clean(match.group())
            continue
        if kind == "space":
            if match.group().count("\n") > 1:
                doc = ""  # a comment that stands alone belongs to nobody
            continue
        if kind == "directive":
            found = re.match(r"#define HEXAGENT_VERSION_(MAJOR|MINOR|PATCH) (\d+)$", match.group())
            if found:
                version[found[1]] = int(found[2])
        elif kind == "handle":
            api.handles.append(Struct(match["handle_name"], doc, []))
        elif kind == "struct":
            api.structs.append(
                parse_struct(match["struct_name"], match["members"], doc, pointers)
            )
        elif kind == "enum":
            api.families.append(parse_enum(match["values"], doc))
        elif kind == "function":
            api.functions.append(parse_function(match["prototype"], doc))
        doc = ""
    if versioned and sorted(version) != ["MAJOR", "MINOR", "PATCH"]:
        raise HeaderError("the version is missing")
    if versioned:
        api.version = (version["MAJOR"], version["MINOR"], version["PATCH"])
    return api


def members_with_comments(body, separator):
    """(declaration, comment) pairs; a comment belongs to the declaration it follows."""
    pairs = []
    for piece in re.findall(
        r"/\*.*?\*/|[^" + separator + r"/]+" + separator + "?", body, re.DOTALL
    ):
        if piece.startswith("/*"):
            if pairs and not pairs[-1][1]:
                pairs[-1][1] = " ".join(clean(piece).split())
        elif piece.strip():
            pairs.append([piece.strip().rstrip(separator).strip(), ""])
    return pairs


def parse_struct(name, body, doc, pointers=False):
    fields = []
    for declaration, comment in members_with_comments(body, ";"):
        pointer = re.fullmatch(r"const (\w+)\* (\w+)()", declaration) if pointers else None
        match = pointer or re.fullmatch(r"(\w+) (\w+)(?:\[(\d+)\])?", declaration)
        if match is None or match[1] not in SCALARS:
            raise HeaderError(f"{name}: cannot read the field {declaration!r}")
        family = re.search(r"(HEXAGENT_\w+_)\*|(HEXAGENT_\w+)(?: or|,) _", comment)
        fields.append(
            Field(
                match[2],
                match[1],
                int(match[3] or 0),
                comment,
                family=(family[1] or family[2]) if family else "",
                pointer=bool(pointer),
            )
        )
    offset = 0
    widest = 1
    for item in fields:
        alignment = item.unit
        if offset % alignment:
            raise HeaderError(f"{name}.{item.name}: hidden padding in front of it")
        item.offset = offset
        offset += item.size
        widest = max(widest, alignment)
    if offset % widest:
        raise HeaderError(f"{name}: hidden padding at its end")
    return Struct(name, doc, fields, size=offset)


def parse_enum(body, doc):
    constants = []
    # A comment in front of a group of values would be taken for the one of the value before.
    body = re.sub(r"\n\s*\n\s*/\*.*?\*/", "\n", body, flags=re.DOTALL)
    for declaration, comment in members_with_comments(body, ","):
        match = re.fullmatch(r"(HEXAGENT_\w+) = (-?\d+)u?", declaration)
        if match is None:
            raise HeaderError(f"cannot read the constant {declaration!r}")
        constants.append(Constant(match[1], int(match[2]), comment))
    return Family(family_prefix(constants, doc), doc, constants)


def family_prefix(constants, doc):
    first = constants[0].name
    if first == "HEXAGENT_OK":
        return "HEXAGENT_"
    prefix = first[: first.index("_", len(PREFIX)) + 1]
    if not all(constant.name.startswith(prefix) for constant in constants):
        raise HeaderError(f"{first} and its neighbours share no prefix")
    return prefix if len(constants) > 1 or doc.startswith("Flags") else ""


def parse_type(text):
    match = re.fullmatch(r"(const )?(\w+)\s*(\*)?", text.strip())
    if match is None:
        raise HeaderError(f"cannot read the type {text!r}")
    return match[2], bool(match[3]), bool(match[1])


def parse_function(prototype, doc):
    match = re.fullmatch(r"(.*?)(hexagent_\w+)\s*\((.*)\)", " ".join(prototype.split()))
    if match is None:
        raise HeaderError(f"cannot read the function {prototype!r}")
    result, pointer, const = parse_type(match[1])
    parameters = []
    for text in [] if match[3].strip() == "void" else match[3].split(","):
        declared = re.fullmatch(r"(.*?[\s*])(\w+)", text.strip())
        if declared is None:
            raise HeaderError(f"{match[2]}: cannot read the parameter {text!r}")
        kind, is_pointer, is_const = parse_type(declared[1])
        parameters.append(Parameter(declared[2], kind, is_pointer, is_const))
    return Function(match[2], result, pointer, const, parameters, doc)


def resolve(api):
    """Every type that is used is known; structs learn whether they go in, come out, or both."""
    structs = {struct.name: struct for struct in api.structs}
    handles = {handle.name for handle in api.handles}
    for function in api.functions:
        for parameter in function.parameters:
            if parameter.type in structs and parameter.pointer:
                struct = structs[parameter.type]
                if parameter.const:
                    struct.is_input = True
                else:
                    struct.is_output = True
            elif parameter.type == "void" and parameter.pointer:
                pass  # bytes whose kind another argument tells
            elif parameter.type not in SCALARS and parameter.type not in handles:
                raise HeaderError(f"{function.name}: unknown type {parameter.type}")
        if not function.result_pointer and function.result not in {*SCALARS, "void"}:
            raise HeaderError(f"{function.name}: cannot return {function.result}")
    for struct in api.structs:
        for item in struct.fields:
            if api.family_of(item.family) is None:
                item.family = ""
