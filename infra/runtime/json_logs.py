"""Structured logs: one JSON object per line, as Cloud Logging reads them, with no secret in it.

`extra={"event": "order_denied", …}` names what alerts and metrics count.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from infra.runtime import log_context, redaction

_GOOGLE = "logging.googleapis.com"


class CloudFormatter(JsonFormatter):
    """Writes a record as Cloud Logging's special fields and ours; the last step hides secrets."""

    def __init__(self, project: str = "") -> None:
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            # A traceback goes where Error Reporting looks first:
            # https://cloud.google.com/error-reporting/docs/formatting-error-messages
            rename_fields={
                "levelname": "severity",
                "name": "logger",
                "exc_info": "stack_trace",
            },
        )
        self._project = project

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        """Add the time, the trace, and what the work at hand is about."""
        about = dict(log_context.current())
        trace, span = about.pop("trace", None), about.pop("span", None)
        super().add_fields(log_data, record, about | message_dict)
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        if trace and self._project:
            log_data[f"{_GOOGLE}/trace"] = f"projects/{self._project}/traces/{trace}"
        if span:
            log_data[f"{_GOOGLE}/spanId"] = span

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Hide every secret, in texts, extras and tracebacks alike."""
        return {key: redaction.cleaned(value) for key, value in log_data.items()}


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at that moment, never to one that was closed."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self.stream = sys.stderr
        super().emit(record)


_REPLACED = (logging.StreamHandler, StandardError)


def configure(level: int = logging.INFO, *, project: str = "") -> None:
    """Write the log of this process to standard error, and nowhere else.

    Calling it again replaces what it set up. Handlers of a framework that write plain text go.
    """
    root = logging.getLogger()
    for handler in [each for each in root.handlers if type(each) in _REPLACED]:
        root.removeHandler(handler)
    ours = StandardError()
    ours.setFormatter(CloudFormatter(project))
    root.addHandler(ours)
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every URL with its query
