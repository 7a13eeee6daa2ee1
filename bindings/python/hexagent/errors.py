"""Errors of the library as exceptions, and what raises them."""

from __future__ import annotations

from ctypes import sizeof
from typing import Optional, Sequence

from . import _ffi
from ._library import library
from .records import Field, Status


class HexagentError(Exception):
    """A status below 0. `status` compares with Status, unknown codes too; `field` names what was
    wrong where the library says so."""

    def __init__(self, status: int, text: str = "", field: int = 0):
        self.status = Status(status)
        self.field = Field(field)
        super().__init__(text or status_text(status))

    def __reduce__(self):
        return (type(self), (int(self.status), str(self), int(self.field)))


class BatchError(HexagentError):
    """Some records of a batch were not taken. `index` is the first of them, `results` has the
    status of each; those with E_AGAIN may be submitted again after the next poll."""

    def __init__(self, results: Sequence[int]):
        self.results = [Status(result) for result in results]
        self.index = next(i for i, result in enumerate(results) if result < 0)
        status = results[self.index]
        super().__init__(status, f"record {self.index}: {status_text(status)}")

    def __reduce__(self):
        return (type(self), ([int(result) for result in self.results],))


def status_name(status: int) -> str:
    """Name of a status, e.g. "HEXAGENT_E_CYCLE"."""
    return library.hexagent_status_name(status).decode()


def status_text(status: int) -> str:
    """One sentence for a status."""
    return library.hexagent_status_text(status).decode()


def field_name(field: int) -> str:
    """Name of a field as it stands in the records, e.g. "prompt_tokens"."""
    return library.hexagent_field_name(field).decode()


def new_detail() -> _ffi.hexagent_error:
    return _ffi.hexagent_error(struct_size=sizeof(_ffi.hexagent_error))


def check(answer: int, detail: Optional[_ffi.hexagent_error] = None) -> int:
    """The answer, if it is no error."""
    if answer >= 0:
        return answer
    if detail is None:
        raise HexagentError(answer)
    raise HexagentError(answer, detail.text.decode(errors="replace"), detail.field)
