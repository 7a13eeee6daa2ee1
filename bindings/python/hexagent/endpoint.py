"""Endpoints: what an engine process has so that the library moves its KV. What the functions mean is
written in hexagent/endpoint.h.

    with Endpoint(EndpointConfig(worker=1, controller="unix:/run/kv", secret=secret)) as endpoint:
        pool = endpoint.pool_add(KvPool(...), memory)
        async for events in hexagent.aio.events(endpoint):
            ...
"""

from __future__ import annotations

import ctypes
from typing import Any, List, Sequence, Tuple

from . import _ffi
from ._handle import Handle
from ._library import library
from .errors import HexagentError, check, new_detail
from .records import EndpointConfig, EndpointEvent, KvBlocks, KvPool, LinkEstimate, Status
from .scheduler import _lend, _sized, _text


def _list(kind, numbers: Sequence[int]):
    """Numbers as C sees them, and where; ctypes would cut off what does not fit."""
    bits = 8 * ctypes.sizeof(kind)
    lowest = 0 if kind(-1).value > 0 else -(2 ** (bits - 1))
    if any(not lowest <= number < lowest + 2**bits for number in numbers):
        raise ValueError(f"a number that does not fit {bits} bits")
    lent = (kind * len(numbers))(*numbers)
    return lent, ctypes.addressof(lent) if numbers else 0


def _regions(pool: KvPool, memory):
    """What must live as long as the pool, and the addresses of its regions."""
    count = pool.layer_count * pool.regions_per_layer
    if pool.region_bases or memory is None:
        if len(pool.region_bases) != count:
            raise HexagentError(Status.E_ARGUMENT)
        return memory, pool.region_bases
    size = pool.block_count * pool.block_stride_bytes
    there = memoryview(memory).nbytes
    if there < count * size:
        raise ValueError(f"memory: {there} bytes; the regions of the pool need {count * size}")
    # While this lives the buffer can neither be resized nor closed.
    held = (ctypes.c_char * (count * size)).from_buffer(memory)
    base = ctypes.addressof(held)
    return held, [base + region * size for region in range(count)]


class Endpoint(Handle):
    """One endpoint. All methods may be called from any thread but poll(), which belongs to one at a time.

    Use it in a `with` block or call close(); methods of a closed one raise HexagentError with E_CLOSED.
    """

    def __init__(self, config: EndpointConfig):
        """Opens it; it begins to connect, and the event CONNECTED tells when it is. Empty texts and zeros
        are the defaults."""
        self._open = None
        self._pools: List[Tuple[ctypes.c_uint64, Any]] = []  # their ids and their memory
        texts = [
            _text(text) if text else None
            for text in (
                config.controller,
                config.secret,
                config.transport,
                config.fallback,
                config.options,
            )
        ]
        addresses = [ctypes.cast(text, ctypes.c_void_p).value or 0 for text in texts]
        detail = new_detail()
        record = _lend(_ffi.hexagent_endpoint_config, config, *addresses)
        self._open = library.hexagent_endpoint_open(record, detail)
        if not self._open:
            check(detail.status, detail)
        self._polled = (_ffi.hexagent_endpoint_event * 64)()

    def close(self) -> None:
        """Stops everything; pools and blocks are untouched once it returns. May be called again. No other
        call may run meanwhile."""
        handle, self._open = self._open, None
        library.hexagent_endpoint_close(handle)
        self._pools.clear()

    @property
    def transport(self) -> str:
        """Name of the transport it has."""
        return library.hexagent_endpoint_transport(self._handle).decode()

    def pool_add(self, pool: KvPool, memory=None) -> int:
        """Registers a KV pool and returns its id.

        `memory` is a buffer that can be written (a bytearray, an mmap, an array of ctypes or numpy, a CPU
        tensor's numpy()), with the regions one behind the other, block_count * block_stride_bytes bytes
        each. The endpoint holds it until pool_remove() has succeeded or it is closed; it cannot be resized
        or closed meanwhile. The library reads and writes it on a thread of its own: leave the blocks of
        reserve() alone until QUIESCED, and do not write those of send().

        Memory that is no buffer, such as a GPU's: `region_bases` has the addresses, layer_count *
        regions_per_layer of them. It must stay until pool_remove() or close(), and a wrong address corrupts
        the process. `memory` is then what owns it, a list of tensors for one, and is held as above.
        """
        held, bases = _regions(pool, memory)
        _bases, address = _list(ctypes.c_uint64, bases)
        out = ctypes.c_uint64()
        record = _lend(_ffi.hexagent_kv_pool, pool, address)
        entry = (out, held)
        self._pools.append(entry)  # before the call, which an interrupt may follow
        try:
            check(library.hexagent_endpoint_pool_add(self._handle, record, out))
        except HexagentError:
            self._pools.remove(entry)
            raise
        return out.value

    def pool_remove(self, pool: int) -> None:
        """Ends what pool_add() began and lets its memory go; E_STATE while a transfer with the pool is not
        quiesced."""
        check(library.hexagent_endpoint_pool_remove(self._handle, pool))
        self._pools = [entry for entry in self._pools if entry[0].value != pool]

    def poll(self) -> List[EndpointEvent]:
        """All events that wait, oldest first."""
        events: List[EndpointEvent] = []
        while True:
            count = check(
                library.hexagent_endpoint_poll(self._handle, self._polled, len(self._polled))
            )
            size = count * ctypes.sizeof(_ffi.hexagent_endpoint_event)
            events += EndpointEvent._unpack_many(memoryview(self._polled).cast("B")[:size])
            if count < len(self._polled):
                return events

    def event_fd(self) -> int:
        """Descriptor that is readable while events wait. It need not be read and must not be."""
        return check(library.hexagent_endpoint_event_fd(self._handle))

    def reserve(self, transfer: int, blocks: KvBlocks) -> None:
        """Answers RESERVE: these blocks shall get the KV, until QUIESCED. What is wrong with them is told
        by FAILED. E_AGAIN: again after a poll."""
        _ids, address = _list(ctypes.c_int32, blocks.blocks)
        record = _lend(_ffi.hexagent_kv_blocks, blocks, address)
        check(library.hexagent_endpoint_reserve(self._handle, transfer, record))

    def send(self, transfer: int, blocks: KvBlocks, flags: int = 0) -> None:
        """Answers SEND: these blocks hold the KV. With TransferFlags.LAYERWISE nothing leaves before
        layers_ready() says so."""
        _ids, address = _list(ctypes.c_int32, blocks.blocks)
        record = _lend(_ffi.hexagent_kv_blocks, blocks, address)
        check(library.hexagent_endpoint_send(self._handle, transfer, record, flags))

    def refuse(self, transfer: int, status: int) -> None:
        """Ends a transfer with FAILED and this status, which is an error; in place of an answer or later."""
        check(library.hexagent_endpoint_refuse(self._handle, transfer, status))

    def layers_ready(self, transfer: int, layers: int, event: int = 0) -> None:
        """The first layers of a layerwise transfer hold their KV: now, or when the transport's event (CUDA:
        the address of a cudaEvent_t) has happened."""
        check(library.hexagent_endpoint_layers_ready(self._handle, transfer, layers, event or None))

    def link(self, peer_worker: int) -> LinkEstimate:
        """What was learnt of the link to a worker, as source."""
        link = _sized(_ffi.hexagent_link_estimate)
        check(library.hexagent_endpoint_link(self._handle, peer_worker, link))
        return LinkEstimate._unpack(link)
