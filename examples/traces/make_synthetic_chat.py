#!/usr/bin/env python3
"""Writes synthetic_chat.jsonl.gz: chats of several turns, which no recorded trace here has.

SYNTHETIC. First prompts and answers are drawn from the recorded requests of
stream_azure_conv_sample.jsonl.gz, one request each. Assumed, not measured: 1 + geometric turns (mean
3.5, at most 12), 60 tokens of new text a turn (log-normal, sigma 1), no time to think, so that a chat
is one chain of calls as in the HexAGenT evaluation. Every call's prompt begins with all that was said
before, of which the previous prompt counts as shared (prefill workers hold it, answers are with decode
workers). Seed 1; the same file every time.
"""
import gzip
import json
import math
import pathlib
import random

FOLDER = pathlib.Path(__file__).parent
WORKFLOWS = 160
TURNS_MEAN, TURNS_MAX = 3.5, 12
NEW_MEDIAN, NEW_SIGMA = 60, 1.0


def main():
    draw = random.Random(1)
    with gzip.open(FOLDER / "stream_azure_conv_sample.jsonl.gz", "rt") as file:
        requests = [json.loads(line)["calls"][0] for line in file]
    lines = []
    for number in range(WORKFLOWS):
        turns = 1
        while turns < TURNS_MAX and draw.random() < 1 - 1 / TURNS_MEAN:
            turns += 1
        calls, said, shared = [], 0, 0
        for turn in range(turns):
            request = draw.choice(requests)
            new = request["prompt_tokens"] if turn == 0 else max(1, round(NEW_MEDIAN * math.exp(draw.gauss(0, NEW_SIGMA))))
            prompt = said + new
            calls.append({
                "id": turn, "deps": [turn - 1] if turn else [], "prompt_tokens": prompt,
                "output_tokens": request["output_tokens"], "shared_prefix_tokens": shared,
                "prefix_of": turn - 1 if turn else None, "tool_delay_s": 0.0, "stage": "first" if turn == 0 else "later",
            })
            said, shared = prompt + request["output_tokens"], prompt
        lines.append(json.dumps({
            "workflow": f"synthetic-chat-{number:03d}", "arrival_s": None, "class": "chat_synthetic", "source": "synthetic",
            "calls": calls}, separators=(",", ":")))
    data = ("\n".join(lines) + "\n").encode()
    with open(FOLDER / "synthetic_chat.jsonl.gz", "wb") as raw:
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
            file.write(data)


if __name__ == "__main__":
    main()
