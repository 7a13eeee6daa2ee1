"""Names in the target languages: CamelCase, and how a family of constants is called."""

INITIALISMS = {"id", "kv", "gpu", "slo", "ttft", "tpot", "nhd", "hnd", "cuda"}


def camel(snake):
    return "".join(word.capitalize() for word in snake.lower().split("_") if word)


def go_camel(snake):
    """As Go writes it: initialisms are upper case."""
    words = [word for word in snake.lower().split("_") if word]
    return "".join(word.upper() if word in INITIALISMS else word.capitalize() for word in words)


def family_type(api, family):
    """DECISION_ -> DecisionKind when a record has the plain name; Flags for sets of flags."""
    if family.type_name:
        return family.type_name
    if family.is_status:
        return "Status"
    name = camel(family.prefix[len("HEXAGENT_") :])
    if family.doc.startswith("Flags"):
        return name + "Flags"
    return name + "Kind" if any(camel(struct.short) == name for struct in api.structs) else name
