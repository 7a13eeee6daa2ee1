"""What the contenders in Python share: the cases, memory, places and timing, as `cases.h` has them,
and the two processes. The peers' own code does the moving; Python only starts it."""

import json
import mmap
import os
import random
import socket
import statistics
import struct
import time
import zlib
from ctypes import addressof, c_char

MIB = 1 << 20
POOL_BYTES = 256 * MIB
# (bytes of a transfer, bytes of its blocks); one block: contiguous.
CASES = [
    (size * MIB, block)
    for size in (1, 16, 128)
    for block in (16 << 10, 64 << 10, size * MIB)
]


class Pool:
    """Memory that is never freed, on huge pages where the system gives them."""

    def __init__(self, seed):
        self.memory = mmap.mmap(-1, POOL_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.memory.madvise(mmap.MADV_HUGEPAGE)
        self.address = addressof(c_char.from_buffer(self.memory))
        part = 16 * MIB
        generator = random.Random(seed)
        for at in range(0, POOL_BYTES, part):
            self.memory[at : at + part] = generator.randbytes(part)

    def sum_of(self, block, places):
        """Of the blocks in that order."""
        sum_so_far = 0
        with memoryview(self.memory) as view:
            for place in places:
                sum_so_far = zlib.crc32(view[place * block : (place + 1) * block], sum_so_far)
        return sum_so_far


def places(size, block, seed):
    """As many places of the pool as the transfer has blocks; both processes know both ends'."""
    everywhere = list(range(POOL_BYTES // block))
    if block != size:
        random.Random(seed).shuffle(everywhere)
    return everywhere[: size // block]


class Channel:
    """Whole messages between the two processes."""

    def __init__(self, connection):
        self.connection = connection

    def tell(self, message):
        self.connection.sendall(struct.pack("<Q", len(message)) + message)

    def hear(self):
        """None when the other end is gone."""
        size = self._take(8)
        return None if size is None else self._take(struct.unpack("<Q", size)[0])

    def _take(self, size):
        taken = b""
        while len(taken) < size:
            more = self.connection.recv(size - len(taken))
            if not more:
                return None
            taken += more
        return taken


def report(size, block, once):
    """As report() of cases.h; `once` returns nanoseconds."""
    times = []
    begin = time.monotonic()
    while len(times) < 5 or (len(times) < 500 and time.monotonic() - begin < 0.25):
        times.append(once())
    line = {"bytes": size, "block": block, "ns": statistics.median(times), "runs": len(times)}
    print(json.dumps(line), flush=True)


def serve(channel, pool):
    """The target: tells its sums until the source is gone."""
    while (order := channel.hear()) is not None:
        size, block = struct.unpack("<QQ", order)
        total = pool.sum_of(block, places(size, block, seed=2))
        channel.tell(struct.pack("<Q", total))


def run(make_target, make_source):
    """Starts the target in a child; make_target(pool, channel) tells how to reach it. Then
    make_source(pool, channel) returns prepare(block, from_places, to_places, size) -> once()."""
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        here.close()
        channel = Channel(there)
        pool = Pool(seed=2)
        keep = make_target(pool, channel)
        serve(channel, pool)
        del keep
        os._exit(0)
    there.close()
    channel = Channel(here)
    pool = Pool(seed=1)
    prepare = make_source(pool, channel)
    for size, block in CASES:
        from_places, to_places = places(size, block, seed=1), places(size, block, seed=2)
        once = prepare(block, from_places, to_places)
        once()
        channel.tell(struct.pack("<QQ", size, block))
        (theirs,) = struct.unpack("<Q", channel.hear())
        if theirs != pool.sum_of(block, from_places):
            raise SystemExit("the bytes differ")
        report(size, block, once)
    here.close()
    os.waitpid(child, 0)
    os._exit(0)  # libraries that are still at work are not measured
