"""Asks the scheduler questions through the ctypes binding: where would a call go, and would a workflow
meet its deadline? Nothing is committed by asking. Ends with `questions answered`."""

from hexagent import Call, Scheduler, Worker, Workflow

FLEET = [("prefill", "A100-80G"), ("prefill", "H100-80G"), ("decode", "A100-80G"), ("decode", "H200-141G")]
ROLES = {"prefill": 1, "decode": 2}
DEADLINE_S = 6.0


def open_fleet(scheduler: Scheduler) -> int:
    for index, (role, gpu) in enumerate(FLEET, start=1):
        profile = scheduler.profile_builtin(gpu, "llama-3.1-70b", 4)
        scheduler.profile_set(profile)
        scheduler.worker_set(
            Worker(worker=index, incarnation=1, role=ROLES[role], gpu=profile.gpu,
                   model=profile.model, tensor_parallel=4)
        )
    scheduler.step(1)
    scheduler.poll()
    return profile.model


def ask_placement(scheduler: Scheduler, model: int) -> None:
    for tokens in (200, 4000, 20000):
        call = Call(workflow=1, call=1, model=model, prompt_tokens=tokens, output_tokens_p50=200)
        print(f"a prompt of {tokens} tokens:")
        for choice in scheduler.placement_query(call, 3):
            prefill, decode = FLEET[choice.prefill_worker - 1][1], FLEET[choice.decode_worker - 1][1]
            print(f"  {prefill:>9} then {decode:>9}: ends in {choice.decode_end_ns / 1e9:.2f} s")


def ask_what_if(scheduler: Scheduler, model: int) -> None:
    """A plan, `branches` that wait for it, and a join: up to how many does the deadline allow?"""
    for branches in (1, 4, 16, 64):
        calls = [Call(workflow=9, call=1, model=model, prompt_tokens=1000, output_tokens_p50=50)]
        calls += [
            Call(workflow=9, call=2 + i, model=model, prompt_tokens=3000, output_tokens_p50=50, deps=[1])
            for i in range(branches)
        ]
        names = [call.call for call in calls[1:]]
        calls.append(
            Call(workflow=9, call=100, model=model, prompt_tokens=2000, output_tokens_p50=50, deps=names)
        )
        forecast = scheduler.what_if(Workflow(workflow=9, deadline_ns=int(DEADLINE_S * 1e9)), calls)
        verdict = "meets" if forecast.meets_deadline else "misses"
        print(f"{branches:3} branches: {verdict} {DEADLINE_S:.0f} s, earliest "
              f"deadline {forecast.earliest_deadline_ns / 1e9:.2f} s")


def main() -> None:
    with Scheduler({"policy": "default"}) as scheduler:
        model = open_fleet(scheduler)
        ask_placement(scheduler, model)
        ask_what_if(scheduler, model)
    print("questions answered")


if __name__ == "__main__":
    main()
