"""Log lines as Cloud Logging reads them: severity, time, trace, and what they are about."""

import io
import json
import logging
import sys
import threading
from datetime import datetime

import pytest

from infra.runtime import log_context
from infra.runtime.json_logs import CloudFormatter, configure
from tests.unit.runtime.test_redaction import logged

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_line_is_one_json_object_with_google_s_fields() -> None:
    with (
        logged(project="p") as (log, lines),
        log_context.bound(trace=TRACE, span=SPAN, flow_id="f-1"),
    ):
        log.warning("first\nsecond", extra={"event": "order_denied", "code": "X"})

    (line,) = lines
    fields = json.loads(line)
    assert datetime.fromisoformat(fields.pop("time")).utcoffset() is not None
    assert fields == {
        "severity": "WARNING",
        "logger": "test",
        "message": "first\nsecond",
        "event": "order_denied",
        "code": "X",
        "flow_id": "f-1",
        "logging.googleapis.com/trace": f"projects/p/traces/{TRACE}",
        "logging.googleapis.com/spanId": SPAN,
    }


def test_what_a_block_is_about_ends_with_it_and_inner_ones_add_to_it() -> None:
    with log_context.bound(flow_id="outer", order_id="1"):
        with log_context.bound(flow_id="inner"):
            assert log_context.current() == {"flow_id": "inner", "order_id": "1"}
        assert log_context.current() == {"flow_id": "outer", "order_id": "1"}

    assert log_context.current() == {}


def test_what_one_thread_is_about_is_not_another_s() -> None:
    seen: list[object] = []
    with log_context.bound(flow_id="mine"):
        thread = threading.Thread(target=lambda: seen.append(log_context.current()))
        thread.start()
        thread.join()

    assert seen == [{}]


@pytest.mark.parametrize(
    ("traceparent", "cloud", "fields"),
    [
        (f"00-{TRACE}-{SPAN}-01", "", {"trace": TRACE, "span": SPAN}),
        (f"00-{TRACE}-{SPAN}-01", "other/1;o=1", {"trace": TRACE, "span": SPAN}),
        ("", f"{TRACE}/255;o=1", {"trace": TRACE, "span": "00000000000000ff"}),
        ("", f"{TRACE.upper()}", {"trace": TRACE}),
        ("nonsense", "nonsense", {}),
        ("", "", {}),
        (f"00-{TRACE}-{SPAN}-01\n", f"{TRACE}x/1", {}),
    ],
)
def test_a_trace_is_read_from_either_header(
    traceparent: str, cloud: str, fields: dict[str, str]
) -> None:
    assert log_context.trace(traceparent, cloud) == fields


def test_configuring_replaces_plain_handlers_and_is_done_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = logging.getLogger()
    others = [each for each in root.handlers if type(each) is not logging.StreamHandler]
    monkeypatch.setattr(root, "handlers", [*others, logging.StreamHandler()])  # a framework's

    configure()
    configure(project="p")

    (ours,) = (each for each in root.handlers if each not in others)
    assert isinstance(ours.formatter, CloudFormatter)


def test_a_line_goes_to_the_standard_error_of_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    earlier, now = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", earlier)
    configure()
    earlier.close()
    monkeypatch.setattr(sys, "stderr", now)

    logging.getLogger("x").warning("late")

    assert json.loads(now.getvalue())["message"] == "late"
