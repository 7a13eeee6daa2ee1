"""What the tests share: a small cluster, and one step of virtual time."""

import hexagent as h


def open_cluster(config=None):
    """A scheduler with prefill worker 1 and decode worker 2, and the profile of its one model."""
    scheduler = h.Scheduler(config)
    profile = scheduler.profile_builtin("H100-80G", "llama-3.1-70b", 4)
    scheduler.profile_set(profile)
    for role in (h.Role.PREFILL, h.Role.DECODE):
        scheduler.worker_set(
            h.Worker(
                worker=int(role),
                incarnation=1,
                role=role,
                gpu=profile.gpu,
                model=profile.model,
                tensor_parallel=4,
            )
        )
    return scheduler, profile


def advance(scheduler, now_ns):
    """Steps and returns all decisions."""
    scheduler.step(now_ns)
    return scheduler.poll()
