"""What is logged and replied while a schedule runs: no secret, and no error that nobody meant."""

import logging
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from common.errors import TradingError
from tests.faults.proof.injected_fault import Crash

_OURS = ("functions", "infra", "common")


class CapturedLogs(logging.Handler):
    """Listens to the log of the process, and to every reply that it is shown."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(logging.INFO)
        self._secrets = secrets
        self.problems: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one line of the log."""
        text = f"{record.getMessage()} {record.__dict__}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            text += "".join(traceback.format_exception(error))
        self.look(f"log line of {record.name}", text)
        if error is not None and not isinstance(error, (TradingError, Crash)):
            last = traceback.extract_tb(error.__traceback__)[-1]
            self.problems.append(
                f"a bug: {type(error).__name__}: {error} ({last.filename}:{last.lineno})"
            )

    def look(self, where: str, text: str) -> None:
        """Report a secret in a text."""
        if any(secret in text for secret in self._secrets):
            self.problems.append(f"a secret in a {where}")


@contextmanager
def capture_logs(captured_logs: CapturedLogs) -> Iterator[None]:
    """Listen for a while; nothing is written meanwhile."""
    root = logging.getLogger()
    kept, root.handlers = root.handlers, [captured_logs]
    levels = {name: logging.getLogger(name).level for name in _OURS}
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers = kept
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
