"""An agent on asyncio that plans, works in parallel and joins, through a gateway; standard library only.

    python3 agent.py --gateway http://127.0.0.1:8080 --model llama

Each call says in headers which workflow it belongs to and what it waited for, so that the scheduler
behind the gateway sees the whole, not single requests.
"""

import argparse
import asyncio
import json
import urllib.request
import uuid


class Workflow:
    """One user request: its calls share an id and name those they depend on."""

    def __init__(self, gateway: str, model: str):
        self.gateway, self.model, self.id = gateway.rstrip("/"), model, uuid.uuid4().hex

    def _post(self, body: bytes, headers: dict) -> dict:
        request = urllib.request.Request(f"{self.gateway}/v1/chat/completions", body, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    async def call(self, name: str, prompt: str, deps=(), stage="", last=False) -> str:
        headers = {
            "Content-Type": "application/json",
            "X-Hexagent-Workflow": self.id,
            "X-Hexagent-Call": name,
            "X-Hexagent-Deps": ",".join(deps),
            "X-Hexagent-Stage": stage,
            "X-Hexagent-Last": "true" if last else "false",
        }
        messages = [{"role": "user", "content": prompt}]
        body = json.dumps({"model": self.model, "messages": messages, "max_tokens": 24}).encode()
        answer = await asyncio.to_thread(self._post, body, headers)
        return answer["choices"][0]["message"]["content"]


async def answer(workflow: Workflow, question: str, branches: int) -> str:
    plan = await workflow.call("plan", f"Plan how to answer: {question}", stage="plan")
    names = [f"search-{i}" for i in range(branches)]

    async def search(name: str) -> str:
        await asyncio.sleep(0.02)  # the tool
        return await workflow.call(name, f"{plan}\nFollow step {name}.", ["plan"], "search")

    found = await asyncio.gather(*map(search, names))  # fan out
    notes = "\n".join(found)  # fan in
    return await workflow.call("join", f"{notes}\nAnswer: {question}", names, "join", last=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateway", default="http://127.0.0.1:8080")
    parser.add_argument("--model", default="llama")
    parser.add_argument("--branches", type=int, default=4)
    options = parser.parse_args()
    workflow = Workflow(options.gateway, options.model)
    text = asyncio.run(answer(workflow, "Why is the sky blue?", options.branches))
    print(f"workflow {workflow.id} answered: {text}")


if __name__ == "__main__":
    main()
