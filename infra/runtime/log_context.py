"""What every log line of a piece of work tells of it: its trace, and the order that it is about."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_CLOUD_TRACE = re.compile(r"([0-9a-fA-F]{32})(?:/([0-9]{1,20}))?(?:;.*)?")
_SPAN = 2**64

_fields: ContextVar[Mapping[str, object]] = ContextVar("log_fields", default={})  # noqa: B039 (never mutated)


def current() -> Mapping[str, object]:
    """Return the fields of the work at hand."""
    return _fields.get()


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Say these fields in every line that is logged inside the block.

    `flow_id` is what an order's `client_order_id` carries: the id of its question, or of the
    opportunity where its owner asked not to be asked.
    """
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def trace(traceparent: str, cloud_trace_context: str) -> dict[str, str]:
    """Read a trace: from W3C's header, else from Google's older one; nothing if malformed."""
    if found := _TRACEPARENT.fullmatch(traceparent):
        return {"trace": found[1], "span": found[2]}
    if found := _CLOUD_TRACE.fullmatch(cloud_trace_context):
        span = {"span": f"{int(found[2]) % _SPAN:016x}"} if found[2] else {}
        return {"trace": found[1].lower(), **span}
    return {}
