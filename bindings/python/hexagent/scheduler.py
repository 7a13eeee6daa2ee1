"""One scheduler. Records go in as dataclasses in batches, decisions come out as named tuples."""

from __future__ import annotations

import ctypes
import struct
from typing import List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from . import _ffi
from ._handle import Handle
from ._library import library
from .errors import BatchError, HexagentError, check, new_detail
from .records import (
    Call,
    ConfigInfo,
    Decision,
    Forecast,
    Gpu,
    Heartbeat,
    HeldCall,
    JournalInfo,
    Link,
    LinkInfo,
    LinkSample,
    Model,
    Placement,
    Profile,
    Report,
    Resync,
    ShadowInfo,
    Stats,
    Status,
    Worker,
    WorkerInfo,
    Workflow,
    WorkflowInfo,
)

_NO_TIMER = 2**63 - 1
_Value = Union[str, int, float, bool]
_Record = TypeVar("_Record")


def library_version() -> Tuple[int, int, int]:
    """Version of the loaded library."""
    packed = library.hexagent_version()
    return packed >> 16, packed >> 8 & 255, packed & 255


def now() -> int:
    """The clock of thread and loop driving: CLOCK_MONOTONIC in nanoseconds."""
    return library.hexagent_now()


def describe_config() -> List[ConfigInfo]:
    """All keys of the configuration with their bounds and defaults."""
    infos = []
    while True:
        info = _sized(_ffi.hexagent_config_info)
        if library.hexagent_config_describe(len(infos), info) != Status.OK:
            return infos
        infos.append(ConfigInfo._unpack(info))


def profile_derive(gpu: Gpu, model: Model, tensor_parallel: int) -> Profile:
    """Predicts a profile from hardware and model shape."""
    profile = _sized(_ffi.hexagent_profile)
    detail = new_detail()
    answer = library.hexagent_profile_derive(
        _lend(_ffi.hexagent_gpu, gpu),
        _lend(_ffi.hexagent_model, model),
        tensor_parallel,
        profile,
        detail,
    )
    check(answer, detail)
    return Profile._unpack(profile)


def _sized(kind):
    return kind(struct_size=ctypes.sizeof(kind))


def _pack(record, *offsets) -> bytes:
    try:
        return record._pack(*offsets)
    except struct.error as error:  # a number that C's field cannot hold
        raise ValueError(f"{error} in {record}") from error


def _lend(kind, record, *offsets):
    """A record as C sees it, for one call."""
    return kind.from_buffer_copy(_pack(record, *offsets))


def _text(value: _Value) -> bytes:
    """A configuration's text; a zero byte would cut it short on the way."""
    encoded = (str(int(value)) if isinstance(value, bool) else str(value)).encode()
    if b"\0" in encoded:
        raise ValueError(f"zero byte in {value!r}")
    return encoded


def _array(kind, records: Sequence[_Record]):
    if not records:
        return None
    return (kind * len(records)).from_buffer_copy(b"".join(map(_pack, records)))


def _calls(calls: Sequence[Call]):
    """The records of calls, and the deps and prefixes they point into."""
    deps: List[int] = []
    prefixes = []
    packed = []
    for call in calls:
        packed.append(_pack(call, len(deps), len(prefixes)))
        deps.extend(call.deps)
        prefixes.extend(call.prefixes)
    records = (
        (_ffi.hexagent_call * len(calls)).from_buffer_copy(b"".join(packed)) if calls else None
    )
    return (
        records,
        len(calls),
        (ctypes.c_uint64 * len(deps))(*deps) if deps else None,
        len(deps),
        _array(_ffi.hexagent_prefix, prefixes),
        len(prefixes),
    )


class Scheduler(Handle):
    """One scheduler; several may live side by side.

    In manual driving (the default) all methods belong to one thread at a time; with `driving` =
    `thread` inputs and questions come from any, with `loop` inputs do. Use it in a `with` block or call
    close(); methods of a closed scheduler raise HexagentError with E_CLOSED.
    """

    def __init__(self, config: Optional[Mapping[str, _Value]] = None):
        """Opens with keys and values as describe_config() tells them; none = all defaults."""
        self._open = None
        raw = library.hexagent_config_create()
        if not raw:
            raise HexagentError(Status.E_NO_MEMORY)
        try:
            detail = new_detail()
            for key, value in (config or {}).items():
                check(library.hexagent_config_set(raw, _text(key), _text(value), detail), detail)
            self._open = library.hexagent_open(raw, _ffi.HEXAGENT_VERSION, detail)
            if not self._open:
                check(detail.status, detail)
        finally:
            library.hexagent_config_free(raw)
        self.driving = str((config or {}).get("driving", "manual"))
        self._polled = (_ffi.hexagent_decision * 256)()

    def close(self) -> None:
        """Frees the scheduler. May be called again. No other call may run meanwhile."""
        handle, self._open = self._open, None
        library.hexagent_close(handle)

    # ------------------------------------------------------------------ set-up

    def configure(self, key: str, value: _Value) -> None:
        """Changes a live key while running; its verdict is a decision with user_data 0."""
        detail = new_detail()
        check(library.hexagent_configure(self._handle, _text(key), _text(value), detail), detail)

    def name(self, text: str) -> int:
        """Interns a string (class, stage, tenant, model, GPU, domain); the same text has one id."""
        encoded = text.encode()
        return check(library.hexagent_name(self._handle, encoded, len(encoded)))

    def label(self, text: str) -> int:
        """Interns a worker label and returns its bit, 0 to 63."""
        encoded = text.encode()
        return check(library.hexagent_label(self._handle, encoded, len(encoded)))

    def name_text(self, name: int) -> str:
        """Text of a name id."""
        buffer = ctypes.create_string_buffer(256)
        check(library.hexagent_name_text(self._handle, name, buffer, len(buffer)))
        return buffer.value.decode()

    def profile_builtin(self, gpu: str, model: str, tensor_parallel: int) -> Profile:
        """A profile that ships with the library, with this scheduler's name ids."""
        profile = _sized(_ffi.hexagent_profile)
        check(
            library.hexagent_profile_builtin(
                self._handle, _text(gpu), _text(model), tensor_parallel, profile
            )
        )
        return Profile._unpack(profile)

    def profile_set(self, profile: Profile, user_data: int = 0) -> None:
        """Registers or replaces a profile. Verdict as a decision."""
        self._set(library.hexagent_profile_set, _ffi.hexagent_profile, profile, user_data)

    def model_set(self, model: Model, user_data: int = 0) -> None:
        """Registers or replaces a model's shape. Verdict as a decision."""
        self._set(library.hexagent_model_set, _ffi.hexagent_model, model, user_data)

    def worker_set(self, worker: Worker, user_data: int = 0) -> None:
        """Adds or updates a worker. Verdict as a decision."""
        self._set(library.hexagent_worker_set, _ffi.hexagent_worker, worker, user_data)

    def link_set(self, link: Link, user_data: int = 0) -> None:
        """Registers or replaces the bandwidth between two domains. Verdict as a decision."""
        self._set(library.hexagent_link_set, _ffi.hexagent_link, link, user_data)

    def _set(self, function, kind, record, user_data: int) -> None:
        detail = new_detail()
        check(function(self._handle, _lend(kind, record), user_data, detail), detail)

    def worker_drain(self, worker: int, incarnation: int = 0, user_data: int = 0) -> None:
        """No new calls for this worker. Verdict as a decision."""
        check(library.hexagent_worker_drain(self._handle, worker, incarnation, user_data))

    def worker_lost(self, worker: int, incarnation: int = 0, user_data: int = 0) -> None:
        """The worker is gone. Verdict as a decision."""
        check(library.hexagent_worker_lost(self._handle, worker, incarnation, user_data))

    # ------------------------------------------------------------------ inputs

    def heartbeat_submit(self, heartbeats: Sequence[Heartbeat]) -> int:
        """What engines say of themselves; returns how many were taken."""
        records = _array(_ffi.hexagent_heartbeat, heartbeats)
        return check(library.hexagent_heartbeat_submit(self._handle, records, len(heartbeats)))

    def link_measured(self, samples: Sequence[LinkSample]) -> int:
        """How fast links were measured to be; returns how many samples were taken."""
        records = _array(_ffi.hexagent_link_sample, samples)
        return check(library.hexagent_link_measured(self._handle, records, len(samples)))

    def worker_resync(self, resync: Resync, held: Sequence[HeldCall] = ()) -> None:
        """All calls of ours that a worker holds. Verdict as a decision."""
        detail = new_detail()
        record = _lend(_ffi.hexagent_resync, resync)
        calls = _array(_ffi.hexagent_held_call, held)
        answer = library.hexagent_worker_resync(self._handle, record, calls, len(held), detail)
        check(answer, detail)

    def workflow_begin(self, workflows: Sequence[Workflow]) -> None:
        """Begins workflows. BatchError if some were not taken."""
        records = _array(_ffi.hexagent_workflow, workflows)
        self._batch(library.hexagent_workflow_begin, len(workflows), records, len(workflows))

    def submit(self, calls: Sequence[Call]) -> None:
        """Reveals calls. BatchError if some were not taken; the others were."""
        self._batch(library.hexagent_submit, len(calls), *_calls(calls))

    def complete(self, reports: Sequence[Report]) -> None:
        """Reports phases. BatchError if some were not taken; the others were."""
        records = _array(_ffi.hexagent_report, reports)
        self._batch(library.hexagent_complete, len(reports), records, len(reports))

    def _batch(self, function, count: int, *arguments) -> None:
        results = (ctypes.c_int32 * max(count, 1))()
        taken = check(function(self._handle, *arguments, results))
        if taken < count:
            raise BatchError(results[:count])

    def ready(self, workflow: int, call: int, user_data: int = 0) -> None:
        """Lifts HELD. Verdict as a decision."""
        check(library.hexagent_ready(self._handle, workflow, call, user_data))

    def call_cancel(self, workflow: int, call: int, user_data: int = 0) -> None:
        """Cancels a call and all that depend on it. Verdict as a decision."""
        check(library.hexagent_call_cancel(self._handle, workflow, call, user_data))

    def workflow_cancel(self, workflow: int, user_data: int = 0) -> None:
        """Cancels a workflow with all of its calls. Verdict as a decision."""
        check(library.hexagent_workflow_cancel(self._handle, workflow, user_data))

    def workflow_end(self, workflow: int, user_data: int = 0) -> None:
        """No further call will come. Verdict as a decision."""
        check(library.hexagent_workflow_end(self._handle, workflow, user_data))

    # ------------------------------------------------------- driving, decisions

    def step(self, now_ns: int) -> int:
        """Manual driving: takes all queued inputs and plans; returns how many decisions wait."""
        return check(library.hexagent_step(self._handle, now_ns))

    def run_once(self, inputs_max: int = 0) -> int:
        """Loop driving: takes queued inputs (0 = all) and plans; returns how many decisions wait."""
        return check(library.hexagent_run_once(self._handle, inputs_max))

    def event_fd(self) -> int:
        """Thread and loop driving: a descriptor that is readable when there is something to do. It
        is the library's: give a duplicate away, and do not read it. hexagent.aio waits on it."""
        return check(library.hexagent_event_fd(self._handle))

    def shutdown(self) -> None:
        """Begins the orderly end: inputs raise E_CLOSED, and so does poll() after the last decision."""
        check(library.hexagent_shutdown(self._handle))

    def next_timer(self) -> Optional[int]:
        """Time of the earliest timer."""
        timer = library.hexagent_next_timer(self._handle)
        if timer < 0:
            raise HexagentError(timer)
        return None if timer == _NO_TIMER else timer

    def poll(self) -> List[Decision]:
        """Takes all decisions that wait, oldest first."""
        decisions: List[Decision] = []
        size = ctypes.sizeof(_ffi.hexagent_decision)
        while True:
            count = library.hexagent_poll(self._handle, self._polled, len(self._polled))
            if count < 0 and decisions:
                return decisions  # what was taken must not be lost; the next poll fails again
            check(count)
            decisions += Decision._unpack_many(memoryview(self._polled).cast("B")[: count * size])
            if count < len(self._polled):
                return decisions

    # ---------------------------------------------------------------- questions

    def call_state(self, workflow: int, call: int) -> int:
        """State of a call, a State."""
        return check(library.hexagent_call_state(self._handle, workflow, call))

    def placement_query(self, call: Call, capacity: int = 8) -> List[Placement]:
        """Where would this call go if it were ready now? Best first; commits nothing."""
        records, _, _, _, prefixes, prefixes_count = _calls([call])
        placements = (_ffi.hexagent_placement * capacity)()
        count = check(
            library.hexagent_placement_query(
                self._handle, records, prefixes, prefixes_count, placements, capacity
            )
        )
        return Placement._unpack_many(placements)[:count]

    def what_if(self, workflow: Workflow, calls: Sequence[Call]) -> Forecast:
        """Would this workflow meet its deadline if it were admitted now? Commits nothing."""
        forecast = _sized(_ffi.hexagent_forecast)
        record = _lend(_ffi.hexagent_workflow, workflow)
        check(library.hexagent_what_if(self._handle, record, *_calls(calls), forecast))
        return Forecast._unpack(forecast)

    def explain(self, workflow: int, call: int) -> str:
        """Why a call went where it went: one JSON object."""
        return self._long_text(library.hexagent_explain, workflow, call)

    def metrics_write(self) -> str:
        """OpenMetrics text of the statistics."""
        return self._long_text(library.hexagent_metrics_write)

    def _long_text(self, function, *arguments) -> str:
        capacity = 8192
        while True:
            buffer = ctypes.create_string_buffer(capacity)
            needed = ctypes.c_uint32()
            status = function(self._handle, *arguments, buffer, capacity, needed)
            if status != Status.E_BUFFER or needed.value <= capacity:
                check(status)
                return buffer.value.decode()
            capacity = needed.value + needed.value // 4  # it may grow meanwhile

    def workflow_query(self, workflow: int) -> WorkflowInfo:
        """Progress of a workflow."""
        info = _sized(_ffi.hexagent_workflow_info)
        check(library.hexagent_workflow_query(self._handle, workflow, info))
        return WorkflowInfo._unpack(info)

    def worker_query(self, worker: int) -> WorkerInfo:
        """The library's picture of a worker."""
        info = _sized(_ffi.hexagent_worker_info)
        check(library.hexagent_worker_query(self._handle, worker, info))
        return WorkerInfo._unpack(info)

    def link_query(self, source: int, target: int) -> LinkInfo:
        """The link estimate of a pair of workers."""
        info = _sized(_ffi.hexagent_link_info)
        check(library.hexagent_link_query(self._handle, source, target, info))
        return LinkInfo._unpack(info)

    def shadow_query(self) -> ShadowInfo:
        """Regret of an existing router, in shadow mode."""
        info = _sized(_ffi.hexagent_shadow_info)
        check(library.hexagent_shadow_query(self._handle, info))
        return ShadowInfo._unpack(info)

    def stats_read(self) -> Stats:
        """Counters since open and gauges of now."""
        stats = _sized(_ffi.hexagent_stats)
        check(library.hexagent_stats_read(self._handle, stats))
        return Stats._unpack(stats)

    def journal_query(self) -> JournalInfo:
        """What became of the journal and what came back from it; STATE without one."""
        info = _sized(_ffi.hexagent_journal_info)
        check(library.hexagent_journal_query(self._handle, info))
        return JournalInfo._unpack(info)
