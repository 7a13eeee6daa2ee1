"""The conformance vectors (tests/conformance/README.md) through the Python API."""

import json
import unittest
from pathlib import Path

import hexagent as h

FOLDER = Path(__file__).parents[3] / "tests" / "conformance"
SHOWN = ("answer", "field", "results", "reads", "info", "placements", "decisions")


def call_of(values):
    prefixes = [h.Prefix(**prefix) for prefix in values.get("prefixes", ())]
    return h.Call(**{**values, "prefixes": prefixes})


def shown(record):
    """The fields of a record that are not zero."""
    return {name: value for name, value in record._asdict().items() if value != 0}


class Runner:
    """One vector: each method takes a step and answers what it showed."""

    def __init__(self, config):
        self.scheduler = h.Scheduler(config)

    def run(self, step):
        what = step["do"]
        try:
            answer = getattr(self, what, self.single)(step)
        except h.BatchError as error:
            taken = sum(result == 0 for result in error.results)
            return {"answer": taken, "results": [int(result) for result in error.results]}
        except h.HexagentError as error:
            seen = {"answer": int(error.status)}
            if error.field:
                seen["field"] = int(error.field)
            if what.endswith("_query") and what != "placement_query" or what == "what_if":
                seen["info"] = {}
            return seen
        if isinstance(answer, dict):
            return answer
        return {"answer": answer} if answer else {}

    def single(self, step):
        """Functions that take the step's own values."""
        arguments = {
            name: value for name, value in step.items() if name not in ("do", "note", *SHOWN)
        }
        return getattr(self.scheduler, step["do"])(**arguments)

    def name_text(self, step):
        return {"reads": self.scheduler.name_text(step["name"])}

    def record_set(self, step, kind):
        noun = step["do"][: -len("_set")]
        getattr(self.scheduler, f"{noun}_set")(kind(**step["record"]), step.get("user_data", 0))

    def profile_set(self, step):
        self.record_set(step, h.Profile)

    def model_set(self, step):
        self.record_set(step, h.Model)

    def worker_set(self, step):
        self.record_set(step, h.Worker)

    def link_set(self, step):
        self.record_set(step, h.Link)

    def heartbeat_submit(self, step):
        taken = self.scheduler.heartbeat_submit(
            [h.Heartbeat(**values) for values in step["records"]]
        )
        return 0 if taken == len(step["records"]) else taken

    def link_measured(self, step):
        taken = self.scheduler.link_measured(
            [h.LinkSample(**values) for values in step["records"]]
        )
        return 0 if taken == len(step["records"]) else taken

    def workflow_begin(self, step):
        self.scheduler.workflow_begin([h.Workflow(**values) for values in step["records"]])

    def submit(self, step):
        self.scheduler.submit([call_of(values) for values in step["records"]])

    def complete(self, step):
        self.scheduler.complete([h.Report(**values) for values in step["records"]])

    def step(self, step):
        waiting = self.scheduler.step(step["now_ns"])
        decisions = [shown(decision) for decision in self.scheduler.poll()]
        assert len(decisions) == waiting
        return {"decisions": decisions} if decisions else {}

    def next_timer(self, step):
        timer = self.scheduler.next_timer()
        return {"answer": 2**63 - 1 if timer is None else timer}

    def workflow_query(self, step):
        return {"info": shown(self.scheduler.workflow_query(step["workflow"]))}

    def worker_query(self, step):
        return {"info": shown(self.scheduler.worker_query(step["worker"]))}

    def link_query(self, step):
        info = self.scheduler.link_query(step["source_worker"], step["target_worker"])
        return {"info": shown(info)}

    def what_if(self, step):
        calls = [call_of(values) for values in step["records"]]
        return {"info": shown(self.scheduler.what_if(h.Workflow(**step["record"]), calls))}

    def placement_query(self, step):
        found = self.scheduler.placement_query(call_of(step["records"][0]), step["capacity"])
        return {"placements": [shown(placement) for placement in found]}


class Conformance(unittest.TestCase):
    def test_every_step_shows_what_the_vector_says(self):
        files = sorted(FOLDER.glob("*.json"))
        self.assertGreaterEqual(len(files), 12)
        for path in files:
            vector = json.loads(path.read_text())
            runner = Runner(vector["config"])
            with self.subTest(path.stem), runner.scheduler:
                for index, step in enumerate(vector["steps"]):
                    expected = {name: step[name] for name in SHOWN if name in step}
                    for decision in expected.get("decisions", ()):
                        decision.pop("says")
                    self.assertEqual(runner.run(step), expected, f"step {index}: {step['do']}")


if __name__ == "__main__":
    unittest.main()
