"""Two endpoints in one process move KV under a scheduler with a thread of its own."""

import asyncio
import ctypes
import gc
import mmap
import tempfile
import unittest
import weakref
from contextlib import ExitStack
from pathlib import Path

import hexagent as h
from hexagent.aio import batches, events
from support import open_cluster

SECRET = "a secret of the tests alone"
LAYERS, BLOCKS, BLOCK_BYTES = 2, 16, 16 * 64
PHASES = {h.DecisionKind.PREFILL: h.Phase.PREFILL, h.DecisionKind.DECODE: h.Phase.DECODE}


def pool(bases=(), **more):
    values = dict(
        layout=h.KvLayout.FLAT,
        layer_count=LAYERS,
        regions_per_layer=1,
        block_tokens=16,
        token_bytes=64,
        block_count=BLOCKS,
        block_stride_bytes=BLOCK_BYTES,
        region_bases=bases,
    )
    return h.KvPool(**{**values, **more})


def config(worker, address, **more):
    values = {"secret": SECRET, "options": "silence_ms=60000", **more}  # this machine may be busy
    return h.EndpointConfig(worker=worker, controller=address, **values)


class Engine:
    """Plays an engine: answers with blocks and keeps what it is told."""

    def __init__(self, address, worker, blocks):
        self.memory = (ctypes.c_uint8 * (LAYERS * BLOCKS * BLOCK_BYTES))()
        for at in range(len(self.memory)):
            self.memory[at] = (at // 64 * 7 ^ worker) & 255
        self.endpoint = h.Endpoint(config(worker, address))
        self.pool = self.endpoint.pool_add(pool(), self.memory)
        self.blocks = blocks
        self.ended = []
        self.connected = asyncio.Event()
        self.quiesced = asyncio.Event()

    async def run(self):
        async for batch in events(self.endpoint):
            for event in batch:
                blocks = h.KvBlocks(pool=self.pool, blocks=self.blocks)
                if event.kind == h.EndpointEventKind.CONNECTED:
                    self.connected.set()
                elif event.kind == h.EndpointEventKind.RESERVE:
                    self.endpoint.reserve(event.transfer, blocks)
                elif event.kind == h.EndpointEventKind.SEND:
                    self.endpoint.send(event.transfer, blocks, h.TransferFlags.CHECKSUM)
                elif event.kind in (h.EndpointEventKind.DONE, h.EndpointEventKind.FAILED):
                    self.ended.append(event)
                elif event.kind == h.EndpointEventKind.QUIESCED:
                    self.quiesced.set()

    def block(self, layer, block):
        begin = (layer * BLOCKS + block) * BLOCK_BYTES
        return bytes(self.memory[begin : begin + BLOCK_BYTES])


async def serve(scheduler):
    """Answers for prefill and decode; transfers are the endpoints'."""
    async for decisions in batches(scheduler):
        reports = [
            h.Report(workflow=d.workflow, call=d.call, phase=PHASES[d.kind], outcome=h.Outcome.DONE)
            for d in decisions
            if d.kind in PHASES
        ]
        if reports:
            scheduler.complete(reports)


class DataPlane(unittest.TestCase):
    def setUp(self):
        self.stack = ExitStack()
        self.addCleanup(self.stack.close)
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="hx"))
        self.address = f"unix:{Path(folder) / 'controller'}"
        keys = {"driving": "thread", "transfer_address": self.address, "transfer_secret": SECRET}
        self.scheduler, self.profile = open_cluster(keys)
        self.stack.enter_context(self.scheduler)

    async def move(self, engines, awaited):
        """One call whose KV goes from the first to the second; until `awaited` have quiesced."""
        tasks = [asyncio.ensure_future(engine.run()) for engine in engines]
        try:
            for engine in engines:
                await asyncio.wait_for(engine.connected.wait(), 60)
            for role in (h.Role.PREFILL, h.Role.DECODE):
                self.scheduler.worker_set(
                    h.Worker(
                        worker=int(role),
                        incarnation=1,
                        role=role,
                        gpu=self.profile.gpu,
                        model=self.profile.model,
                        tensor_parallel=4,
                        flags=h.WorkerFlags.ENDPOINT,
                    )
                )
            self.scheduler.workflow_begin([h.Workflow(workflow=5)])
            call = h.Call(workflow=5, call=1, model=self.profile.model, prompt_tokens=48)
            self.scheduler.submit([call])
            tasks.append(asyncio.ensure_future(serve(self.scheduler)))
            for engine in awaited:
                await asyncio.wait_for(engine.quiesced.wait(), 60)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def engines(self, source, target):
        both = [Engine(self.address, 1, source), Engine(self.address, 2, target)]
        for engine in both:
            self.stack.enter_context(engine.endpoint)
        return both

    def test_kv_moves_between_two_endpoints(self):
        async def scenario():
            both = self.engines([3, 4, 5], [9, 2, 7])
            await self.move(both, both)
            return both

        source, target = asyncio.run(scenario())
        for engine, side in ((source, h.TransferSide.SOURCE), (target, h.TransferSide.TARGET)):
            (end,) = engine.ended
            self.assertEqual(
                (end.kind, end.status, end.side), (h.EndpointEventKind.DONE, h.Status.OK, side)
            )
        for layer in range(LAYERS):
            for here, there in zip(source.blocks, target.blocks):
                self.assertEqual(source.block(layer, here), target.block(layer, there))
            self.assertNotEqual(source.block(layer, 1), target.block(layer, 1))
        self.assertEqual(source.endpoint.transport, "host-memory")
        link = source.endpoint.link(2)
        self.assertEqual((link.transfers, link.bytes), (1, 3 * LAYERS * BLOCK_BYTES))
        target.endpoint.pool_remove(target.pool)
        with self.assertRaises(h.HexagentError) as caught:
            target.endpoint.pool_remove(target.pool)
        self.assertEqual(caught.exception.status, h.Status.E_STALE)

    def test_an_unknown_pool_fails_the_transfer(self):
        async def scenario():
            both = self.engines([1], [1])
            both[1].pool += 100
            await self.move(both, both[1:])
            return both[1].ended[0]

        end = asyncio.run(scenario())
        self.assertEqual((end.kind, end.status), (h.EndpointEventKind.FAILED, h.Status.E_STALE))

    def test_a_wrong_secret_is_told_by_disconnected(self):
        async def first(endpoint):
            async for batch in events(endpoint):
                return batch[0]

        wrong = config(1, self.address, secret="another secret of this test")
        with h.Endpoint(wrong) as endpoint:
            told = asyncio.run(asyncio.wait_for(first(endpoint), 60))
        self.assertEqual(
            (told.kind, told.status), (h.EndpointEventKind.DISCONNECTED, h.Status.E_SECRET)
        )


class Buffer(bytearray):
    """A bytearray that can be watched."""


class Memory(unittest.TestCase):
    SIZE = LAYERS * BLOCKS * BLOCK_BYTES

    def setUp(self):
        self.endpoint = h.Endpoint(config(1, "unix:/tmp/nobody", pools_max=1))
        self.addCleanup(self.endpoint.close)

    def assert_held(self, watched):
        gc.collect()
        self.assertIsNotNone(watched(), "the memory of a pool was freed")

    def assert_free(self, watched):
        gc.collect()
        self.assertIsNone(watched(), "memory is held that nobody needs")

    def test_a_pool_holds_its_memory_until_it_is_removed(self):
        watched = weakref.ref(memory := Buffer(self.SIZE))
        number = self.endpoint.pool_add(pool(), memory)
        with self.assertRaises(BufferError):
            memory.append(0)  # would move it
        del memory
        self.assert_held(watched)
        with self.assertRaises(h.HexagentError):
            self.endpoint.pool_remove(number + 1)
        self.assert_held(watched)
        self.endpoint.pool_remove(number)
        self.assert_free(watched)

    def test_an_endpoint_holds_its_memory_until_it_is_closed(self):
        watched = weakref.ref(memory := Buffer(self.SIZE))
        self.endpoint.pool_add(pool(), memory)
        del memory
        self.assert_held(watched)
        self.endpoint.close()
        self.assert_free(watched)

    def test_the_owner_of_addresses_is_held_as_well(self):
        owner = Buffer(self.SIZE)
        base = ctypes.addressof((ctypes.c_char * self.SIZE).from_buffer(owner))
        bases = [base + layer * BLOCKS * BLOCK_BYTES for layer in range(LAYERS)]
        watched = weakref.ref(owner)
        number = self.endpoint.pool_add(pool(bases), [owner])
        del owner
        self.assert_held(watched)
        self.endpoint.pool_remove(number)
        self.assert_free(watched)

    def test_a_mapping_stays_open_while_it_is_a_pool(self):
        with mmap.mmap(-1, self.SIZE) as mapping:
            number = self.endpoint.pool_add(pool(), mapping)
            self.assertRaises(BufferError, mapping.close)
            self.endpoint.pool_remove(number)

    def test_what_is_refused_is_not_held(self):
        kept = self.endpoint.pool_add(pool(), bytearray(self.SIZE))
        for more, status in (({}, h.Status.E_FULL), ({"token_bytes": 65}, h.Status.E_RANGE)):
            watched = weakref.ref(memory := Buffer(self.SIZE))
            with self.assertRaises(h.HexagentError) as caught:
                self.endpoint.pool_add(pool(**more), memory)
            self.assertEqual(caught.exception.status, status)
            del memory, caught
            self.assert_free(watched)
        self.endpoint.pool_remove(kept)

    def test_memory_that_will_not_do_is_refused(self):
        with self.assertRaisesRegex(ValueError, f"memory: {self.SIZE - 1} bytes; .* {self.SIZE}"):
            self.endpoint.pool_add(pool(), bytearray(self.SIZE - 1))
        for memory in (bytes(self.SIZE), self.SIZE, memoryview(bytearray(2 * self.SIZE))[::2]):
            with self.assertRaises((TypeError, BufferError)):
                self.endpoint.pool_add(pool(), memory)
        with self.assertRaises(h.HexagentError) as caught:
            self.endpoint.pool_add(pool())
        self.assertEqual(caught.exception.status, h.Status.E_ARGUMENT)


class BadInput(unittest.TestCase):
    def refused(self, function, *arguments):
        with self.assertRaises(h.HexagentError) as caught:
            function(*arguments)
        return caught.exception

    def test_bad_endpoints_are_refused(self):
        error = self.refused(h.Endpoint, h.EndpointConfig())
        self.assertEqual(error.status, h.Status.E_ARGUMENT)
        self.assertIn("worker", str(error))
        for status, more in (
            (h.Status.E_ARGUMENT, {"secret": "short"}),
            (h.Status.E_KEY, {"transport": "pigeons"}),
            (h.Status.E_IO, {"transport": "/nowhere/hexagent_cuda.so"}),
            (h.Status.E_RANGE, {"transfers_max": 100000}),
        ):
            with self.subTest(more):
                self.assertEqual(
                    self.refused(h.Endpoint, config(1, "unix:/tmp/nobody", **more)).status, status
                )
        with self.assertRaises(ValueError):
            h.Endpoint(config(1, "unix:/tmp/nobody", secret="cut\0short by C on its way"))
        with self.assertRaises(ValueError):
            h.Endpoint(config(2**32, "unix:/tmp/nobody"))

    def test_bad_calls_are_refused(self):
        endpoint = h.Endpoint(config(1, "unix:/tmp/nobody"))
        with endpoint:
            for status, function, *arguments in (
                (h.Status.E_ARGUMENT, endpoint.pool_add, pool([64])),
                (h.Status.E_ARGUMENT, endpoint.reserve, 1, h.KvBlocks()),
                (h.Status.E_RESERVED, endpoint.send, 1, h.KvBlocks(blocks=[1]), 1 << 9),
                (h.Status.E_ARGUMENT, endpoint.refuse, 1, h.Status.OK),
                (h.Status.E_UNKNOWN_WORKER, endpoint.link, 9),
            ):
                self.assertEqual(self.refused(function, *arguments).status, status)
            with self.assertRaises(ValueError):
                endpoint.reserve(1, h.KvBlocks(blocks=[2**31]))
            endpoint.layers_ready(1, 2)  # of what has ended: dropped
        endpoint.close()
        self.assertEqual(self.refused(endpoint.poll).status, h.Status.E_CLOSED)


if __name__ == "__main__":
    unittest.main()
