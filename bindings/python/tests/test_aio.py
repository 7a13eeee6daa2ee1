"""Thread and loop driving under asyncio."""

import asyncio
import threading
import unittest

import hexagent as h
from hexagent.aio import batches
from support import open_cluster

PHASES = {
    h.DecisionKind.PREFILL: h.Phase.PREFILL,
    h.DecisionKind.TRANSFER: h.Phase.TRANSFER,
    h.DecisionKind.DECODE: h.Phase.DECODE,
}


def submit(scheduler, profile, workflow):
    scheduler.workflow_begin([h.Workflow(workflow=workflow)])
    values = {"workflow": workflow, "model": profile.model, "prompt_tokens": 100}
    scheduler.submit(
        [h.Call(call=1, **values), h.Call(call=2, deps=[1], flags=h.CallFlags.LAST, **values)]
    )


async def serve(scheduler, workflows):
    """Answers for the engines at once; shuts down after so many workflows and drains."""
    ended = 0
    async for decisions in batches(scheduler):
        reports = [
            h.Report(workflow=d.workflow, call=d.call, phase=PHASES[d.kind], outcome=h.Outcome.DONE)
            for d in decisions
            if d.kind in PHASES
        ]
        if reports:
            scheduler.complete(reports)
        ended += sum(d.kind == h.DecisionKind.WORKFLOW_DONE for d in decisions)
        if ended == workflows:
            scheduler.shutdown()
    return ended


class Aio(unittest.TestCase):
    def test_workflows_from_many_threads_come_to_their_end(self):
        for driving in ("thread", "loop"):
            with self.subTest(driving):
                scheduler, profile = open_cluster({"driving": driving})
                with scheduler:
                    threads = [
                        threading.Thread(
                            target=lambda first=first: [
                                submit(scheduler, profile, first + i) for i in range(10)
                            ]
                        )
                        for first in (1, 11, 21)
                    ]
                    for thread in threads:
                        thread.start()
                    ended = asyncio.run(asyncio.wait_for(serve(scheduler, 30), 60))
                    for thread in threads:
                        thread.join()
                    self.assertEqual(ended, 30)
                    with self.assertRaises(h.HexagentError) as caught:
                        submit(scheduler, profile, 99)
                    self.assertEqual(caught.exception.status, h.Status.E_CLOSED)

    def test_a_cancelled_wait_leaves_the_scheduler_usable(self):
        async def scenario(scheduler):
            async def first():
                async for decisions in batches(scheduler):
                    return decisions

            task = asyncio.ensure_future(first())
            await asyncio.sleep(0)  # it runs up to its wait
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            scheduler.workflow_begin([h.Workflow(workflow=1, user_data=5)])
            return await asyncio.wait_for(first(), 60)

        with h.Scheduler({"driving": "loop"}) as scheduler:
            self.assertEqual([d.user_data for d in asyncio.run(scenario(scheduler))], [5])

    def test_manual_driving_has_nothing_to_wait_for(self):
        async def first(scheduler):
            async for _ in batches(scheduler):
                pass

        with h.Scheduler() as scheduler, self.assertRaises(h.HexagentError) as caught:
            asyncio.run(first(scheduler))
        self.assertEqual(caught.exception.status, h.Status.E_STATE)

    def test_the_clock_of_the_library_moves_on(self):
        before = h.now()
        self.assertGreater(before, 0)
        self.assertGreaterEqual(h.now(), before)


if __name__ == "__main__":
    unittest.main()
