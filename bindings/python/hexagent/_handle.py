"""What has to be closed: a handle of the library behind a Python object."""

from __future__ import annotations

import warnings
from typing import TypeVar

from .errors import HexagentError
from .records import Status

_Self = TypeVar("_Self", bound="Handle")


class Handle:
    """Closed by a `with` block or close(); one that is forgotten is closed with a warning."""

    _open = None

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_exception) -> None:
        self.close()

    def __del__(self):
        if self._open:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.close()

    @property
    def closed(self) -> bool:
        return self._open is None

    @property
    def _handle(self) -> int:
        if self._open is None:
            raise HexagentError(Status.E_CLOSED)
        return self._open
