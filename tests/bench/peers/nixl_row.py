"""NIXL with UCX, through its C interface (libnixl_capi.so of the wheel): all blocks of both pools
are prepared once, a transfer is made of indices, posted and polled. UCX_TLS says what UCX may use.

    nixl_row.py LIBRARY ERROR_HANDLING"""

import ctypes
import struct
import sys
import time

import cases

DRAM, WRITE, IN_PROGRESS = 0, 1, 1


class _Config(ctypes.Structure):
    # Of nixl_capi_create_configured_agent(): threads, their ports and pauses.
    _fields_ = [
        ("progress_thread", ctypes.c_bool),
        ("listen_thread", ctypes.c_bool),
        ("listen_port", ctypes.c_int),
        ("thread_sync", ctypes.c_int),
        ("workers", ctypes.c_uint),
        ("progress_delay_us", ctypes.c_uint64),
        ("listen_delay_us", ctypes.c_uint64),
        ("telemetry", ctypes.c_bool),
    ]


class Agent:
    """One agent with one UCX back end and the pool registered."""

    def __init__(self, library, name, pool, error_handling, progress_thread):
        self.library = library
        config = _Config(progress_thread, False, 0, 0, 1, 1000, 100_000, False)
        self.agent = self._make("create_configured_agent", name, ctypes.byref(config))
        parameters = self._make("create_params")
        self.call("params_add", parameters, b"ucx_error_handling_mode", error_handling)
        self._make("create_backend", self.agent, b"UCX", parameters)
        memory = self._make("create_reg_dlist", DRAM)
        self.call("reg_dlist_add_desc", memory, ctypes.c_void_p(pool.address),
                  ctypes.c_size_t(cases.POOL_BYTES), ctypes.c_uint64(0), None, ctypes.c_size_t(0))
        self.call("register_mem", self.agent, memory, None)

    def call(self, name, *arguments):
        status = getattr(self.library, "nixl_capi_" + name)(*arguments)
        if status < 0:
            raise SystemExit(f"nixl: {name} answered {status}")
        return status

    def _make(self, name, *arguments):
        out = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(out))
        return out

    def metadata(self):
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        self.call("get_local_md", self.agent, ctypes.byref(data), ctypes.byref(size))
        return ctypes.string_at(data, size.value)

    def meet(self, metadata):
        name = ctypes.c_char_p()
        self.call("load_remote_md", self.agent, metadata, ctypes.c_size_t(len(metadata)),
                  ctypes.byref(name))
        return name.value

    def blocks(self, of_agent, address, block):
        """A prepared list of all blocks of a pool."""
        every = self._make("create_xfer_dlist", DRAM)
        for at in range(0, cases.POOL_BYTES, block):
            self.call("xfer_dlist_add_desc", every, ctypes.c_void_p(address + at),
                      ctypes.c_size_t(block), ctypes.c_uint64(0))
        out = ctypes.c_void_p()
        self.call("prep_xfer_dlist", self.agent, of_agent, every, ctypes.byref(out), None)
        return out

    def write(self, local, local_indices, remote, remote_indices):
        """Nanoseconds until the target has it all: UCX flushes before it says so."""
        count = ctypes.c_size_t(len(local_indices))
        request = ctypes.c_void_p()
        begin = time.monotonic_ns()
        self.call("make_xfer_req", self.agent, WRITE, local, local_indices, count, remote,
                  remote_indices, count, ctypes.byref(request), None)
        status = self.call("post_xfer_req", self.agent, request, None)
        while status == IN_PROGRESS:
            status = self.call("get_xfer_status", self.agent, request)
        took = time.monotonic_ns() - begin
        self.call("release_xfer_req", self.agent, request)
        self.call("destroy_xfer_req", request)
        return took


def main(path, error_handling):
    """The target has NIXL's thread, the source polls; with a thread at both it is slower. So it is
    with the default pause of 0, with which the thread spins."""
    library = ctypes.CDLL(path)

    def target(pool, channel):
        agent = Agent(library, b"target", pool, error_handling, progress_thread=True)
        channel.tell(struct.pack("<Q", pool.address) + agent.metadata())
        return agent

    def source(pool, channel):
        agent = Agent(library, b"source", pool, error_handling, progress_thread=False)
        told = channel.hear()
        (there,) = struct.unpack("<Q", told[:8])
        name = agent.meet(told[8:])

        def prepare(block, from_places, to_places):
            local = agent.blocks(b"", pool.address, block)
            remote = agent.blocks(name, there, block)
            indices = ctypes.c_int * len(from_places)
            from_indices, to_indices = indices(*from_places), indices(*to_places)
            return lambda: agent.write(local, from_indices, remote, to_indices)

        return prepare

    cases.run(target, source)


main(sys.argv[1], sys.argv[2].encode())
