"""The ABI gate can fail: each kind of change is made to a copy of the header, built into a library
of empty functions, and shown to both comparisons of abi_gate.py.
"""

import pathlib
import subprocess
import tempfile
import unittest

import abi_gate

TEXTS = {name: (abi_gate.INCLUDE / name).read_text(encoding="utf-8") for name in abi_gate.HEADERS}


def declare(kind, pointer, const):
    return f"{'const ' if const else ''}{kind}{'*' if pointer else ''}"


def empty_functions(api):
    """C source that defines every function of the header."""
    lines = ["#include <hexagent/log.h>", "#include <hexagent/endpoint.h>"]
    for function in api.functions:
        items = [
            f"{declare(item.type, item.pointer, item.const)} p{i}"
            for i, item in enumerate(function.parameters)
        ]
        result = declare(function.result, function.result_pointer, function.result_const)
        body = "" if result == "void" else " return 0; "
        lines.append(f"{result} {function.name}({', '.join(items) or 'void'}) {{{body}}}")
    return "\n".join(lines) + "\n"


def build(folder, name, texts):
    """(library, include folder, api) of headers with these texts."""
    include = pathlib.Path(folder) / name / "hexagent"
    include.mkdir(parents=True)
    for file, text in texts.items():
        (include / file).write_text(text, encoding="utf-8")
    api = abi_gate.read_headers(include)
    source = empty_functions(api).replace("void* p2, void* p3", "hexagent_log_callback p2, void* p3")
    (include / "empty.c").write_text(source, encoding="utf-8")
    library = include / "libhexagent.so"
    command = ["cc", "-std=c11", "-g", "-shared", "-fPIC", "-I", str(include.parent)]
    command += ["-I", str(abi_gate.INCLUDE.parent)]  # transport.h
    subprocess.run([*command, "-o", str(library), str(include / "empty.c")], check=True)
    return library, include, api


class AbiGate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        library, include, cls.api = build(cls.folder.name, "released", TEXTS)
        cls.baseline = pathlib.Path(cls.folder.name) / "released.abi"
        abi_gate.write_baseline(library, include, cls.baseline)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def changed(self, before, after):
        """What the two comparisons find after one change to a header."""
        self.assertEqual(sum(text.count(before) for text in TEXTS.values()), 1, before)
        texts = {name: text.replace(before, after) for name, text in TEXTS.items()}
        library, include, api = build(self.folder.name, self.id(), texts)
        binary = abi_gate.compare_binaries(self.baseline, library, include, api)
        return abi_gate.compare_headers(self.api, api), binary

    def test_nothing_changed_is_no_finding(self):
        library, include, api = build(self.folder.name, self.id(), TEXTS)
        self.assertEqual(abi_gate.compare_headers(self.api, api), [])
        self.assertEqual(abi_gate.compare_binaries(self.baseline, library, include, api), "")

    def test_a_sized_struct_may_grow_at_its_end(self):
        end = "} hexagent_stats;\n"
        self.assertEqual(self.changed(end, "  uint64_t more;\n" + end), ([], ""))

    def test_a_function_and_a_constant_may_come(self):
        before = "HEXAGENT_API int64_t hexagent_now(void) HEXAGENT_NOEXCEPT;"
        after = "HEXAGENT_API int64_t hexagent_later(void) HEXAGENT_NOEXCEPT;"
        more = f"{before}\n{after}\nenum {{ HEXAGENT_LATER_ONE = 1, HEXAGENT_LATER_TWO = 2 }};"
        self.assertEqual(self.changed(before, more), ([], ""))

    def test_a_record_must_not_grow(self):
        last = "} hexagent_placement;\n"
        headers, binary = self.changed(last, "  uint64_t more;\n" + last)
        self.assertIn("hexagent_placement has 72 bytes instead of 64", headers)
        self.assertIn("hexagent_placement", binary)

    def test_a_moved_field_of_a_sized_struct_is_found(self):
        before = "  uint64_t inputs; /* taken from the intake queue */\n  uint64_t refused;\n"
        after = "  uint64_t refused;\n  uint64_t inputs;\n"
        headers, _ = self.changed(before, after)
        self.assertIn("hexagent_stats.inputs has moved or changed its type", headers)

    def test_a_field_of_another_type_is_found_by_both(self):
        headers, binary = self.changed("  uint32_t deps_offset;", "  int32_t deps_offset;")
        self.assertIn("hexagent_call.deps_offset has moved or changed its type", headers)
        self.assertIn("deps_offset", binary)

    def test_a_renumbered_constant_is_found(self):
        headers, _ = self.changed("HEXAGENT_E_CYCLE = -206,", "HEXAGENT_E_CYCLE = -219,")
        self.assertEqual(headers, ["HEXAGENT_E_CYCLE was -206, is -219"])

    def test_a_function_that_is_gone_is_found_by_both(self):
        gone = "HEXAGENT_API int64_t hexagent_now(void) HEXAGENT_NOEXCEPT;"
        headers, binary = self.changed(gone, "")
        self.assertEqual(headers, ["hexagent_now() is gone or has another prototype"])
        self.assertIn("hexagent_now", binary)

    def test_another_parameter_is_found_by_both(self):
        before = "hexagent_next_timer(hexagent_scheduler* scheduler)"
        after = "hexagent_next_timer(hexagent_scheduler* scheduler, uint32_t kind)"
        headers, binary = self.changed(before, after)
        self.assertEqual(headers, ["hexagent_next_timer() is gone or has another prototype"])
        self.assertIn("hexagent_next_timer", binary)

    def test_a_callback_that_gets_more_is_found(self):
        before = "uint32_t level, int64_t time_ns,\n                                      const"
        after = "uint32_t level, int64_t time_ns, int32_t line,\n const"
        _, binary = self.changed(before, after)
        self.assertIn("hexagent_config_log", binary)

    def test_a_renumbered_level_is_found(self):
        headers, _ = self.changed("HEXAGENT_LOG_INFO = 3", "HEXAGENT_LOG_INFO = 4")
        self.assertEqual(headers, ["HEXAGENT_LOG_INFO was 3, is 4"])


if __name__ == "__main__":
    unittest.main()
