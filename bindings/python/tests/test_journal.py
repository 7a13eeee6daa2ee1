"""A journal from Python: what comes back after a restart, and what the workers still hold."""

import json
import tempfile
import unittest

import hexagent as h
from support import advance, open_cluster


class Journal(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = {"journal": folder.name, "journal_durability": "before_accepted"}

    def test_a_dispatch_that_never_arrived_is_sent_again_after_a_restart(self):
        scheduler, profile = open_cluster(self.config)
        scheduler.workflow_begin([h.Workflow(workflow=1)])
        scheduler.submit([h.Call(workflow=1, call=1, model=profile.model, prompt_tokens=1000)])
        decided = advance(scheduler, 10)
        sent = [d for d in decided if d.kind == h.DecisionKind.PREFILL]
        self.assertEqual(len(sent), 1)
        scheduler.close()

        with h.Scheduler(self.config) as scheduler:
            info = scheduler.journal_query()
            self.assertEqual(info.recovered_decisions, decided[-1].sequence)
            self.assertEqual((info.recovered_steps, info.recovered_now_ns), (1, 10))
            self.assertEqual((info.status, info.closed, info.text), (0, 1, ""))
            resync = h.Resync(
                worker=1, incarnation=1, decision_sequence=info.recovered_decisions
            )
            scheduler.worker_resync(resync, [h.HeldCall(workflow=1, call=1, attempt=1)])
            self.assertEqual(
                [d.kind for d in advance(scheduler, 20)], [h.DecisionKind.ACCEPTED]
            )
            scheduler.worker_resync(resync)
            again = advance(scheduler, 30)[-1]
            self.assertEqual((again.kind, again.attempt), (h.DecisionKind.PREFILL, 2))

    def test_a_replay_decides_what_was_polled(self):
        scheduler, profile = open_cluster({**self.config, "journal_full_decisions": True})
        polled = advance(scheduler, 10)
        scheduler.workflow_begin([h.Workflow(workflow=1)])
        scheduler.submit([h.Call(workflow=1, call=1, model=profile.model, prompt_tokens=1000)])
        polled += advance(scheduler, 20)
        scheduler.close()
        with h.Replay(self.config["journal"]) as replay:
            decided, recorded, kinds = [], [], []
            for info in replay:
                self.assertEqual((info.different, info.recorded_full), (0, 1))
                decided += replay.decisions()
                recorded += replay.recorded()
                kinds.append([i.kind for i in replay.inputs()])
            self.assertEqual(decided, polled)
            self.assertEqual(recorded, polled)
            self.assertEqual(
                kinds[1], [h.InputKind.WORKFLOW_BEGIN, h.InputKind.SUBMIT]
            )
            self.assertEqual((replay.info.step, replay.info.closed), (2, 1))
            self.assertEqual(replay.decisions(), [])
            self.assertEqual(json.loads(replay.explain(1, 1))["attempt"], 1)
        replay.close()
        with self.assertRaises(h.HexagentError) as caught:
            replay.step()
        self.assertEqual(caught.exception.status, h.Status.E_CLOSED)

    def test_a_folder_without_a_journal_is_told(self):
        with self.assertRaises(h.HexagentError) as caught:
            h.Replay(self.config["journal"])
        self.assertEqual(caught.exception.status, h.Status.E_IO)
        self.assertIn("no journal", str(caught.exception))

    def test_a_journal_has_one_scheduler(self):
        with h.Scheduler(self.config):
            with self.assertRaises(h.HexagentError) as caught:
                h.Scheduler(self.config)
            self.assertEqual(caught.exception.status, h.Status.E_BUSY)
            self.assertIn(self.config["journal"], str(caught.exception))

    def test_without_a_journal_there_is_nothing_to_ask(self):
        with h.Scheduler() as scheduler:
            with self.assertRaises(h.HexagentError) as caught:
                scheduler.journal_query()
            self.assertEqual(caught.exception.status, h.Status.E_STATE)


if __name__ == "__main__":
    unittest.main()
