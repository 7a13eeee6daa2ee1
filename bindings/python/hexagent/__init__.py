"""libhexagent: a workflow-aware scheduler for disaggregated LLM serving.

A gateway tells a Scheduler what happens (a workflow began, a call was revealed, a prefill finished)
and polls its decisions: which prefill worker and which decode worker each call uses, when, and in
what order. What the functions mean is written in hexagent.h.
"""

from .endpoint import Endpoint
from .errors import BatchError, HexagentError, field_name, status_name, status_text
from .records import *  # noqa: F401,F403  (all codes and records, generated)
from .records import __all__ as _records
from .replay import Replay
from .scheduler import Scheduler, describe_config, library_version, now, profile_derive

__all__ = [
    "BatchError",
    "Endpoint",
    "HexagentError",
    "Replay",
    "Scheduler",
    "describe_config",
    "field_name",
    "library_version",
    "now",
    "profile_derive",
    "status_name",
    "status_text",
    *_records,
]
