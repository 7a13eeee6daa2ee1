"""The generator's reader: what it carries over, and that it stops at what it does not know."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "generate"))

import beside  # noqa: E402
import exports  # noqa: E402
import header  # noqa: E402

VERSION = "".join(
    f"#define HEXAGENT_VERSION_{part} {n}\n" for n, part in enumerate(("MAJOR", "MINOR", "PATCH"))
)


class Reader(unittest.TestCase):
    def parse(self, text):
        return header.parse(VERSION + text)

    def test_comments_units_and_families_are_carried_over(self):
        api = self.parse("""
/* Ways. */
enum { HEXAGENT_WAY_IN = 1, /* towards */ HEXAGENT_WAY_OUT = -2 };
/** A thing. */
typedef struct hexagent_thing {
  int64_t wait_ns; /* how long,
                      at most */
  uint32_t way; /* HEXAGENT_WAY_* */
  uint32_t reserved;
} hexagent_thing;
""")
        self.assertEqual(api.version, (0, 1, 2))
        way = api.families[0]
        self.assertEqual((way.prefix, way.doc), ("HEXAGENT_WAY_", "Ways."))
        self.assertEqual(
            [(item.name, item.value) for item in way.constants],
            [("HEXAGENT_WAY_IN", 1), ("HEXAGENT_WAY_OUT", -2)],
        )
        thing = api.structs[0]
        self.assertEqual((thing.doc, thing.size), ("A thing.", 16))
        self.assertEqual(thing.fields[0].doc, "how long, at most")
        self.assertEqual((thing.fields[1].offset, thing.fields[1].family), (8, "HEXAGENT_WAY_"))
        self.assertTrue(thing.fields[2].is_reserved)

    def test_functions_keep_pointers_and_const(self):
        api = self.parse("""
typedef struct hexagent_scheduler hexagent_scheduler;
/** Says. */
HEXAGENT_API const char* hexagent_say(hexagent_scheduler* scheduler, const uint64_t* ids,
                                      uint32_t count) HEXAGENT_NOEXCEPT;
""")
        say = api.functions[0]
        self.assertEqual(
            (say.name, say.result, say.result_pointer, say.result_const, say.doc),
            ("hexagent_say", "char", True, True, "Says."),
        )
        self.assertEqual(
            [(item.name, item.type, item.pointer, item.const) for item in say.parameters],
            [
                ("scheduler", "hexagent_scheduler", True, False),
                ("ids", "uint64_t", True, True),
                ("count", "uint32_t", False, False),
            ],
        )

    def test_bytes_of_any_kind_may_be_a_parameter_but_nothing_else(self):
        api = self.parse(
            "HEXAGENT_API int32_t hexagent_f(void* record, uint32_t capacity) HEXAGENT_NOEXCEPT;"
        )
        record = api.functions[0].parameters[0]
        self.assertEqual((record.type, record.pointer, record.const), ("void", True, False))
        with self.assertRaises(header.HeaderError):
            self.parse("HEXAGENT_API void* hexagent_f(void record) HEXAGENT_NOEXCEPT;")

    def test_what_bindings_cannot_express_stops_it(self):
        for text in (
            "typedef union hexagent_u { uint32_t a; } hexagent_u;",
            "typedef struct hexagent_s { long a; } hexagent_s;",
            "typedef struct hexagent_s { uint32_t a : 3; } hexagent_s;",
            "typedef struct hexagent_s { uint32_t a; uint64_t b; } hexagent_s;",  # hidden padding
            "typedef struct hexagent_s { uint64_t a; uint32_t b; } hexagent_s;",  # the same at its end
            "typedef struct hexagent_s { const char* a; } hexagent_s;",
            "static inline int hexagent_f(void) { return 0; }",
            "HEXAGENT_API int32_t hexagent_f(size_t count) HEXAGENT_NOEXCEPT;",
            "enum { HEXAGENT_A_B = HEXAGENT_C };",
        ):
            with self.subTest(text), self.assertRaises(header.HeaderError):
                self.parse(text)

    def test_records_beside_the_header_may_point(self):
        api = header.read(
            "typedef struct hexagent_s { const char* a; const int32_t* b; uint64_t c; } hexagent_s;",
            pointers=True,
            versioned=False,
        )
        fields = api.structs[0].fields
        self.assertEqual(
            [(item.type, item.pointer, item.offset) for item in fields],
            [("char", True, 0), ("int32_t", True, 8), ("uint64_t", False, 16)],
        )

    def test_a_function_or_record_of_engines_reaches_the_bindings(self):
        include = Path(__file__).parents[3] / "include/hexagent"
        texts = [(include / f"{name}.h").read_text() for name in ("endpoint", "transport")]
        new = "HEXAGENT_API uint32_t hexagent_endpoint_new(void) HEXAGENT_NOEXCEPT;\n"
        api = beside.add(header.parse((include / "hexagent.h").read_text()), texts[0] + new, texts[1])
        self.assertIn("hexagent_endpoint_new", [function.name for function in api.functions])
        problems = exports.unwrapped(api, include.parents[1], "")
        self.assertEqual([problem.split()[1] for problem in problems], ["Go", "Rust", "Python"])
        with self.assertRaises(header.HeaderError):
            beside.part_of(texts[1].replace("hexagent_kv_pool", "hexagent_kv_lake"))

    def test_export_lists_must_name_the_functions_of_the_header(self):
        api = self.parse("HEXAGENT_API uint32_t hexagent_a(void) HEXAGENT_NOEXCEPT;")
        self.assertEqual(exports.differences(api, "  hexagent_a;\n", "hexagent_a\n"), [])
        problems = exports.differences(api, "  hexagent_b;\n", "hexagent_a\nhexagent_a\n")
        self.assertEqual(
            problems,
            [
                "cmake/hexagent.map lacks hexagent_a",
                "cmake/hexagent.map has hexagent_b, the header does not",
                "tests/abi/symbols.txt has hexagent_a twice",
            ],
        )

    def test_a_function_that_a_binding_does_not_offer_is_told(self):
        api = self.parse("HEXAGENT_API uint32_t hexagent_new(void) HEXAGENT_NOEXCEPT;")
        root = Path(__file__).parents[3]
        problems = exports.unwrapped(api, root, "")
        self.assertEqual([problem.split()[1] for problem in problems], ["Go", "Rust", "Python"])
        self.assertEqual(exports.unwrapped(api, root, "# why\nhexagent_new\n"), [])


if __name__ == "__main__":
    unittest.main()
