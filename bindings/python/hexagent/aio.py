"""asyncio: decisions as they come, from a scheduler in thread or loop driving, and events of an endpoint.

    async for decisions in batches(scheduler):
        for decision in decisions:
            ...

Inputs are handed in as always; they never block.
"""

import asyncio
import os
from typing import AsyncIterator, List

from .endpoint import Endpoint
from .errors import HexagentError
from .records import Decision, EndpointEvent, Status
from .scheduler import Scheduler


async def batches(scheduler: Scheduler) -> AsyncIterator[List[Decision]]:
    """Batches of decisions, oldest first, until the last one after shutdown(). In loop driving it
    also drives the scheduler. One at a time for a scheduler; E_STATE in manual driving."""
    # asyncio tracks what it watches, and the library may close its own descriptor first.
    descriptor = os.dup(scheduler.event_fd())
    try:
        while True:
            try:
                if scheduler.driving == "loop":
                    _run_once(scheduler)
                decisions = scheduler.poll()
            except HexagentError as error:
                if error.status == Status.E_CLOSED:
                    return
                raise
            if decisions:
                yield decisions
            else:
                await _readable(descriptor)
    finally:
        os.close(descriptor)


async def events(endpoint: Endpoint) -> AsyncIterator[List[EndpointEvent]]:
    """Batches of events, oldest first, until the endpoint is closed. One at a time for an endpoint."""
    descriptor = os.dup(endpoint.event_fd())
    try:
        while not endpoint.closed:
            batch = endpoint.poll()
            if batch:
                yield batch
            else:
                await _readable(descriptor)
    finally:
        os.close(descriptor)


def _run_once(scheduler: Scheduler) -> None:
    try:
        scheduler.run_once()
    except HexagentError as error:
        # Decisions that wait to be polled come first; after shutdown() some may still.
        if error.status not in (Status.E_AGAIN, Status.E_CLOSED):
            raise


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    woken = loop.create_future()
    # It stays readable until somebody polls, so the reader goes as soon as it has spoken.
    loop.add_reader(descriptor, lambda: woken.done() or woken.set_result(None))
    try:
        await woken
    finally:
        loop.remove_reader(descriptor)
