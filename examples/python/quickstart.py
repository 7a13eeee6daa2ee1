"""Two workers, one workflow of two dependent calls, virtual time; engines are played by hand."""

import hexagent as h

ENGINE = {h.DecisionKind.PREFILL: h.Phase.PREFILL, h.DecisionKind.TRANSFER: h.Phase.TRANSFER,
          h.DecisionKind.DECODE: h.Phase.DECODE}  # what a decision asks an engine to run

with h.Scheduler({"policy": "default"}) as scheduler:
    profile = scheduler.profile_builtin("H100-80G", "llama-3.1-70b", 4)
    scheduler.profile_set(profile)
    for role in (h.Role.PREFILL, h.Role.DECODE):
        scheduler.worker_set(h.Worker(worker=int(role), incarnation=1, role=role, gpu=profile.gpu,
                                      model=profile.model, tensor_parallel=4))
    scheduler.workflow_begin([h.Workflow(workflow=7)])
    scheduler.submit([h.Call(workflow=7, call=1, model=profile.model, prompt_tokens=1000),
                      h.Call(workflow=7, call=2, model=profile.model, prompt_tokens=1500, deps=[1],
                             flags=h.CallFlags.LAST)])
    for now_ns in range(0, 10**10, 10**8):
        scheduler.step(now_ns)
        for decision in scheduler.poll():
            print(f"{now_ns / 1e9:4.1f} s  {h.DecisionKind(decision.kind).name:13}  call {decision.call}")
            if decision.kind in ENGINE:
                scheduler.complete([h.Report(workflow=7, call=decision.call, outcome=h.Outcome.DONE,
                                             phase=ENGINE[decision.kind])])
