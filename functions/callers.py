"""Who may ask, and how much: known before the database is touched."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import TooManyRequests

from functions.wiring import Wiring


@contextmanager
def admitted(app: Wiring, caller: str) -> Iterator[None]:
    """Serve a caller within his share; raises TooManyRequests, which says when to come again."""
    wait = app.callers.enter(caller, time.monotonic())
    if wait:
        message = "too many requests: come again later"
        raise TooManyRequests(message, retry_after=math.ceil(wait))
    try:
        yield
    finally:
        app.callers.leave(caller)
