"""Finds and loads libhexagent: beside this file, then $HEXAGENT_LIBRARY, then the system."""

import ctypes
import ctypes.util
import os
from pathlib import Path

from . import _ffi

# Each 0.x is an ABI of its own and has a file name of its own.
NAME = f"libhexagent.so.{_ffi.HEXAGENT_VERSION_MAJOR}.{_ffi.HEXAGENT_VERSION_MINOR}"


def candidates():
    """Paths or names to try, in order."""
    beside = Path(__file__).resolve().parent / NAME
    if beside.exists():
        yield str(beside)
    named = os.environ.get("HEXAGENT_LIBRARY")
    if named:
        yield named
    yield NAME


def load():
    problems = []
    for candidate in candidates():
        try:
            loaded = ctypes.CDLL(candidate)
        except OSError as error:
            problems.append(str(error))
            continue
        try:
            _ffi.declare(loaded)
        except AttributeError as error:
            raise ImportError(
                f"{candidate} is not the library of these bindings: {error}"
            ) from error
        return loaded
    raise ImportError(
        f"cannot load {NAME}; set HEXAGENT_LIBRARY to its path: {'; '.join(problems)}"
    )


#: Calls through it release the interpreter lock, so other threads run meanwhile.
library = load()
