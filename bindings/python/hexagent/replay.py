"""Reading a journal: every step again, with its inputs and decisions, and questions to the state.

    with hexagent.Replay(path) as replay:
        for info in replay:
            if info.different:
                print(info.step, replay.decisions(), replay.recorded())
        print(replay.info)  # where and how the journal ends
"""

import ctypes
import os
from typing import Iterator, List, Optional, Union

from . import _ffi
from ._library import library
from .errors import HexagentError, check, new_detail
from .records import Decision, Input, ReplayInfo, Status


class Replay:
    """A journal lived through again. Nothing in it is changed; a scheduler may be writing it."""

    def __init__(self, path: Union[str, "os.PathLike[str]"]):
        self._handle = None
        #: of the last step; at the end, of the end
        self.info: Optional[ReplayInfo] = None
        name = os.fsencode(path)
        if b"\0" in name:
            raise ValueError(f"zero byte in {path!r}")
        detail = new_detail()
        self._handle = library.hexagent_replay_open(name, _ffi.HEXAGENT_VERSION, detail)
        if not self._handle:
            check(detail.status, detail)

    def close(self) -> None:
        """Frees the replay; it may be called again."""
        handle, self._handle = self._handle, None
        if handle:
            library.hexagent_replay_close(handle)

    def __enter__(self) -> "Replay":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self):
        self.close()

    def _open(self):
        if not self._handle:
            raise HexagentError(Status.E_CLOSED)
        return self._handle

    def step(self) -> bool:
        """Takes the inputs of the next step and decides; False at the end of the journal."""
        info = _ffi.hexagent_replay_info(struct_size=ctypes.sizeof(_ffi.hexagent_replay_info))
        detail = new_detail()
        more = check(library.hexagent_replay_step(self._open(), info, detail), detail)
        self.info = ReplayInfo._unpack(info)
        return more == 1

    def __iter__(self) -> Iterator[ReplayInfo]:
        while self.step():
            assert self.info is not None
            yield self.info

    def decisions(self) -> List[Decision]:
        """What the replay decided in the last step."""
        count = self.info.decisions_count if self.info else 0
        return self._decisions(library.hexagent_replay_decisions, count)

    def recorded(self) -> List[Decision]:
        """What the journal says of it; empty if it holds hashes only."""
        count = self.info.recorded_count if self.info else 0
        return self._decisions(library.hexagent_replay_recorded, count)

    def _decisions(self, function, capacity: int) -> List[Decision]:
        decisions = (_ffi.hexagent_decision * max(1, capacity))()
        count = check(function(self._open(), 0, decisions, capacity))
        return Decision._unpack_many(decisions)[:count]

    def inputs(self) -> List[Input]:
        """The inputs of the last step, without their records."""
        count = self.info.inputs_count if self.info else 0
        inputs = (_ffi.hexagent_input * count)()
        for index in range(count):
            check(library.hexagent_replay_input(self._open(), index, inputs[index], None, 0))
        return Input._unpack_many(inputs)

    def explain(self, workflow: int, call: int) -> str:
        """Why a call went where it went, as of the last step: one JSON object."""
        scheduler = library.hexagent_replay_scheduler(self._open())
        needed = ctypes.c_uint32()
        capacity = 0
        while True:
            buffer = ctypes.create_string_buffer(max(1, capacity))
            status = library.hexagent_explain(scheduler, workflow, call, buffer, capacity, needed)
            if status != Status.E_BUFFER:
                check(status)
                return buffer.value.decode()
            capacity = needed.value
