"""Lifetime, errors, batches, decisions and questions as a Python service meets them."""

import gc
import json
import pickle
import unittest
import warnings

import hexagent as h
from support import advance, open_cluster


class Lifetime(unittest.TestCase):
    def test_a_with_block_closes_and_close_may_be_called_again(self):
        with h.Scheduler() as scheduler:
            self.assertFalse(scheduler.closed)
        scheduler.close()
        self.assertTrue(scheduler.closed)
        with self.assertRaises(h.HexagentError) as caught:
            scheduler.step(1)
        self.assertEqual(caught.exception.status, h.Status.E_CLOSED)

    def test_a_forgotten_scheduler_is_freed_with_a_warning(self):
        scheduler = h.Scheduler()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            del scheduler
            gc.collect()
        self.assertEqual([warning.category for warning in seen], [ResourceWarning])

    def test_every_key_of_the_configuration_accepts_its_default(self):
        infos = h.describe_config()
        self.assertGreater(len(infos), 10)
        with h.Scheduler({info.key: info.default_value for info in infos}):
            pass

    def test_the_library_is_of_these_bindings_version(self):
        self.assertEqual(h.library_version()[:2], (0, 1))


class Errors(unittest.TestCase):
    def test_a_wrong_key_names_itself(self):
        with self.assertRaises(h.HexagentError) as caught:
            h.Scheduler({"polizy": "hexagent"})
        error = caught.exception
        self.assertEqual((error.status, error.field), (h.Status.E_KEY, h.Field.KEY))
        self.assertIn("polizy", str(error))

    def test_a_zero_byte_in_a_key_is_not_cut_off(self):
        with self.assertRaises(ValueError):
            h.Scheduler({"policy\0x": "hexagent"})

    def test_a_code_newer_than_these_bindings_is_passed_on(self):
        error = h.HexagentError(-999)
        self.assertEqual(error.status, -999)
        self.assertEqual(error.status.name, "UNKNOWN_-999")
        self.assertEqual(h.DecisionKind(99).name, "UNKNOWN_99")
        self.assertEqual(h.DecisionKind(3), h.DecisionKind.PREFILL)

    def test_errors_survive_pickling(self):
        for error in (h.HexagentError(-206, "text", 12), h.BatchError([0, -104])):
            copy = pickle.loads(pickle.dumps(error))
            self.assertEqual(
                (type(copy), copy.status, str(copy)), (type(error), error.status, str(error))
            )

    def test_a_number_too_large_for_its_field_is_a_value_error(self):
        with h.Scheduler() as scheduler, self.assertRaises(ValueError):
            scheduler.submit([h.Call(workflow=1, call=1, model=1, prompt_tokens=2**32)])

    def test_codes_and_fields_have_names_and_sentences(self):
        self.assertEqual(h.status_name(-206), "HEXAGENT_E_CYCLE")
        self.assertEqual(h.field_name(h.Field.PROMPT_TOKENS), "prompt_tokens")
        self.assertTrue(h.status_text(-206))


class Work(unittest.TestCase):
    def setUp(self):
        self.scheduler, self.profile = open_cluster()
        self.addCleanup(self.scheduler.close)
        self.scheduler.workflow_begin([h.Workflow(workflow=1)])

    def call(self, call, **changes):
        values = {"workflow": 1, "call": call, "model": self.profile.model, "prompt_tokens": 1000}
        return h.Call(**{**values, **changes})

    def test_a_batch_tells_which_record_was_not_taken(self):
        with self.assertRaises(h.BatchError) as caught:
            self.scheduler.submit([self.call(1), self.call(2, prompt_tokens=0), self.call(3)])
        error = caught.exception
        self.assertEqual((error.index, error.status), (1, h.Status.E_RANGE))
        self.assertEqual(error.results, [h.Status.OK, h.Status.E_RANGE, h.Status.OK])
        accepted = [
            d.call
            for d in advance(self.scheduler, 1)
            if d.kind == h.DecisionKind.ACCEPTED and d.call
        ]
        self.assertEqual(accepted, [1, 3])

    def test_deps_and_prefixes_travel_with_their_calls(self):
        first = self.call(1)
        second = self.call(2, deps=[1], prefixes=[h.Prefix(call=1, tokens=900)])
        third = self.call(3, deps=(1, 2))
        self.scheduler.submit([first, second, third])
        advance(self.scheduler, 1)
        states = [self.scheduler.call_state(1, call) for call in (1, 2, 3)]
        self.assertEqual(states, [h.State.DISPATCHED, h.State.WAITING, h.State.WAITING])

    def test_refusals_come_as_decisions_with_status_and_field(self):
        self.scheduler.submit([self.call(1, workflow=9, user_data=77)])
        verdict = next(d for d in advance(self.scheduler, 1) if d.user_data == 77)
        self.assertEqual(verdict.kind, h.DecisionKind.REFUSED)
        self.assertEqual(
            (verdict.status, verdict.field), (h.Status.E_UNKNOWN_WORKFLOW, h.Field.WORKFLOW)
        )

    def test_more_decisions_than_the_buffer_come_in_order(self):
        self.scheduler.workflow_begin([h.Workflow(workflow=i) for i in range(2, 602)])
        sequence = [d.sequence for d in advance(self.scheduler, 1)]
        self.assertEqual(sequence, list(range(1, len(sequence) + 1)))
        self.assertGreater(len(sequence), 600)

    def test_names_and_labels(self):
        name = self.scheduler.name("größe")
        self.assertEqual(self.scheduler.name_text(name), "größe")
        self.assertEqual(self.scheduler.name("größe"), name)
        self.assertIn(self.scheduler.label("lora-7"), range(64))
        with self.assertRaises(h.HexagentError) as caught:
            self.scheduler.name("")
        self.assertEqual(caught.exception.status, h.Status.E_NAME)

    def test_questions_are_answered(self):
        call = self.call(1)
        self.scheduler.submit([call])
        advance(self.scheduler, 10**9)
        self.assertEqual(json.loads(self.scheduler.explain(1, 1))["call"], 1)
        self.assertTrue(self.scheduler.metrics_write().endswith("# EOF\n"))
        placements = self.scheduler.placement_query(call)
        self.assertEqual([(p.prefill_worker, p.decode_worker) for p in placements], [(1, 2)])
        forecast = self.scheduler.what_if(
            h.Workflow(workflow=2, deadline_ns=1), [self.call(1, workflow=2)]
        )
        self.assertFalse(forecast.meets_deadline)
        self.assertGreater(forecast.earliest_deadline_ns, 10**6)
        self.assertEqual(self.scheduler.workflow_query(1).calls_revealed, 1)
        self.assertEqual(self.scheduler.worker_query(1).prefill_outstanding, 1)
        self.assertEqual(self.scheduler.stats_read().calls_live, 1)
        self.assertGreater(self.scheduler.next_timer(), 10**9)

    def test_a_profile_can_be_derived(self):
        gpu = h.Gpu(gpu=1, peak_flops_per_s=989e12, memory_bytes_per_s=3.35e12, memory_bytes=85e9)
        model = h.Model(
            model=2,
            max_context_tokens=131072,
            kv_bytes_per_token=131072,
            parameters=8.03e9,
            weight_bytes=16.06e9,
            layers=32,
            hidden=4096,
            query_heads=32,
            kv_heads=8,
            head_dim=128,
        )
        profile = h.profile_derive(gpu, model, 1)
        self.assertEqual((profile.gpu, profile.model, profile.derived), (1, 2, 1))
        self.assertGreater(profile.kv_capacity_tokens, 1000)
        with self.assertRaises(h.HexagentError) as caught:
            h.profile_derive(gpu, h.Model(model=2), 1)
        self.assertEqual(caught.exception.status, h.Status.E_RANGE)


if __name__ == "__main__":
    unittest.main()
