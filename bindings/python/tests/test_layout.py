"""Records are laid out as in C, for ctypes and for the formats that pack and unpack them."""

import ctypes
import json
import unittest
from pathlib import Path

import hexagent.records as records
from hexagent import _ffi

LAYOUTS = json.loads((Path(__file__).parents[2] / "layout.json").read_text())
SIZES = {"uint8_t": 1, "char": 1, "int32_t": 4, "uint32_t": 4, "hexagent_status": 4}


class Layout(unittest.TestCase):
    def test_ctypes_structures_are_laid_out_as_in_c(self):
        for name, facts in LAYOUTS.items():
            kind = getattr(_ffi, name)
            self.assertEqual(ctypes.sizeof(kind), facts["size"], name)
            self.assertEqual(
                [field[0] for field in kind._fields_], [field["name"] for field in facts["fields"]]
            )
            for field in facts["fields"]:
                place = getattr(kind, field["name"])
                size = SIZES.get(field["type"], 8) * max(field["count"], 1)
                self.assertEqual(
                    (place.offset, place.size), (field["offset"], size), f"{name}.{field['name']}"
                )

    def test_formats_have_the_size_of_the_structures(self):
        for name, facts in LAYOUTS.items():
            if name == "hexagent_error":
                continue
            layout = getattr(records, "_" + name[len("hexagent_") :].upper())
            self.assertEqual(layout.size, facts["size"], name)

    def test_a_packed_record_reads_back_through_ctypes(self):
        call = records.Call(
            workflow=1,
            call=2**64 - 1,
            user_data=3,
            stage=4,
            model=5,
            prompt_tokens=6,
            max_output_tokens=7,
            output_tokens_p50=8,
            output_tokens_p90=9,
            deps=(1, 2),
            labels_required=10,
            labels_excluded=11,
            flags=records.CallFlags.LAST,
            trace_id=b"0123456789abcdef",
            span_id=b"01234567",
        )
        raw = _ffi.hexagent_call.from_buffer_copy(call._pack(20, 21))
        self.assertEqual((raw.workflow, raw.call, raw.user_data, raw.stage), (1, 2**64 - 1, 3, 4))
        self.assertEqual(
            (raw.deps_offset, raw.deps_count, raw.prefixes_offset, raw.prefixes_count),
            (20, 2, 21, 0),
        )
        self.assertEqual((raw.labels_required, raw.labels_excluded, raw.flags), (10, 11, 2))
        self.assertEqual((bytes(raw.trace_id), bytes(raw.span_id)), (call.trace_id, call.span_id))
        self.assertEqual((raw.reserved0, list(raw.reserved)), (0, [0, 0]))

    def test_a_decision_unpacks_what_ctypes_wrote(self):
        values = {
            field[0]: index + 1
            for index, field in enumerate(_ffi.hexagent_decision._fields_)
            if not field[0].startswith("reserved")
        }
        values["order_key"] = -7
        values["status"] = -206
        decision = records.Decision._unpack(_ffi.hexagent_decision(**values))
        self.assertEqual(decision._asdict(), values)


if __name__ == "__main__":
    unittest.main()
