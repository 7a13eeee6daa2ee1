"""Mooncake's transfer engine over TCP: one batch of writes a transfer, as its Python interface does
it. A write over TCP has ended when the target acknowledged it (framing of version 2)."""

import struct
import time

import cases
from mooncake.engine import TransferEngine


def _engine(pool):
    engine = TransferEngine()
    if engine.initialize("127.0.0.1", "P2PHANDSHAKE", "tcp", "") != 0:
        raise SystemExit("mooncake: no transfer engine")
    if engine.register_memory(pool.address, cases.POOL_BYTES) != 0:
        raise SystemExit("mooncake: memory is not taken")
    return engine


def _target(pool, channel):
    engine = _engine(pool)
    channel.tell(struct.pack("<QQ", engine.get_rpc_port(), pool.address))
    return engine


def _source(pool, channel):
    engine = _engine(pool)
    port, there = struct.unpack("<QQ", channel.hear())
    name = f"127.0.0.1:{port}"

    def prepare(block, from_places, to_places):
        sources = [pool.address + place * block for place in from_places]
        targets = [there + place * block for place in to_places]
        sizes = [block] * len(sources)

        def once():
            begin = time.monotonic_ns()
            status = engine.batch_transfer_sync_write(name, sources, targets, sizes)
            took = time.monotonic_ns() - begin
            if status != 0:
                raise SystemExit(f"mooncake: a batch ended with {status}")
            return took

        return once

    return prepare


cases.run(_target, _source)
