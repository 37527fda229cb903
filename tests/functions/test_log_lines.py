"""What the functions log: the lines that metrics count, and one order's way through all of them."""

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import yaml

from common.messages import OrderApproved
from common.snapshot.completeness import Missing
from infra.postgres.database import Database
from infra.runtime.json_logs import CloudFormatter
from infra.simulator.broker import SimulatedBroker
from infra.workflows.kpis import push_audit
from tests.conftest import ROOT, function
from tests.functions.steps import approved, asked, deliver, order_row, submit, swipe, tick

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
METRICS = ROOT / "terraform" / "metrics.yaml"
# Fields that are spread into a line and not named beside its event.
SPREAD = {"snapshot_pushed": set(Missing({}, {}, {}).counts())}


class _Kept(logging.StreamHandler[io.StringIO]):
    """A handler of the tests', which `configure` leaves alone."""


class Lines:
    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.all() if line.get("event") == event]


@pytest.fixture
def lines() -> Iterator[Lines]:
    stream, root = io.StringIO(), logging.getLogger()
    handler = _Kept(stream)
    handler.setFormatter(CloudFormatter("countersign-local"))
    root.addHandler(handler)
    before = root.level
    root.setLevel(logging.INFO)
    yield Lines(stream)
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.usefixtures("environment", "user")
class TestLines:
    def test_an_order_is_followed_by_its_flow_through_all_functions(
        self, db: Database, simulator: SimulatedBroker, lines: Lines
    ) -> None:
        order_id = approved(db)
        assert submit(order_id).status_code == 200
        simulator.clock.advance(timedelta(seconds=5))
        assert function("reconcile_orders").post("/").status_code == 200

        flow = str(order_row(db, order_id)["question_id"])
        mine = [
            line
            for line in lines.all()
            if line.get("flow_id") == flow or flow in line.get("flow_ids", [])
        ]

        assert [(line["logger"], line.get("event")) for line in mine] == [
            ("infra.workflows.asking", "asked"),
            ("functions.answer", "answered"),
            ("functions.submit_order", "order_submitted"),
            ("infra.workflows.orders.outcomes", "order_filled"),
            ("infra.workflows.orders.recording", "order_changed"),
        ]
        (sent,) = simulator.ledger.orders()
        assert sent.client_order_id.startswith(f"cs-{flow}-"), (
            "the broker's own records name it, too"
        )

    def test_the_trace_of_a_request_is_in_its_lines_and_in_no_other(self, lines: Lines) -> None:
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        function("ingest").post("/", headers=headers)
        function("ingest").post("/")

        traces = [line.get("logging.googleapis.com/trace") for line in lines.of("ingest_done")]
        assert traces == [f"projects/countersign-local/traces/{TRACE}", None]

    def test_ingest_says_how_late_it_was_and_what_it_brought(
        self, simulator: SimulatedBroker, lines: Lines
    ) -> None:
        function("ingest").post("/")
        simulator.clock.advance(timedelta(seconds=100))
        function("ingest").post("/")

        first, second = lines.of("ingest_done")
        assert (first["lag_seconds"], first["facts"], first["stored"]) == (0, 9, 9)
        assert second["lag_seconds"] == 40, "the input is due every 60 seconds"

    def test_an_ingest_that_stores_nothing_is_logged_all_the_same(
        self, simulator: SimulatedBroker, lines: Lines
    ) -> None:
        function("ingest").post("/")
        simulator.clock.advance(timedelta(seconds=100))
        simulator.faults.add("status", status=503, path="/v2/stocks", times=50)

        assert function("ingest").post("/").status_code == 503
        assert lines.of("ingest_done")[-1]["lag_seconds"] == 40

    def test_evaluate_says_how_many_it_asked(self, lines: Lines) -> None:
        tick()

        (done,) = lines.of("evaluate_done")
        assert done["asked"] == 1

    def test_a_rule_that_fires_is_counted_though_nobody_can_be_asked(self, lines: Lines) -> None:
        tick()
        tick()  # its question is pending

        assert [line["fired"] for line in lines.of("rules_fired")] == [1, 1]
        assert [line["asked"] for line in lines.of("evaluate_done")] == [1, 0]

    def test_an_order_says_how_long_acceptance_and_execution_took(
        self, db: Database, simulator: SimulatedBroker, lines: Lines
    ) -> None:
        order_id = approved(db)
        simulator.clock.advance(timedelta(seconds=7))
        submit(order_id)
        simulator.clock.advance(timedelta(seconds=5))
        function("reconcile_orders").post("/")

        (sent,), (filled,) = lines.of("order_submitted"), lines.of("order_filled")
        row = order_row(db, order_id)
        assert int(sent["accept_seconds"]) == 7
        assert filled["fill_seconds"] == (row["filled_at"] - row["submitted_at"]).total_seconds()

    def test_a_denied_order_names_its_code(
        self, db: Database, simulator: SimulatedBroker, lines: Lines
    ) -> None:
        order_id = approved(db)
        simulator.market.set_price("SPY", 450, live=True)
        submit(order_id)

        (denied,) = lines.of("order_denied")
        assert denied["code"] == order_row(db, order_id)["denial_code"]
        assert denied["flow_id"] == str(order_row(db, order_id)["question_id"])

    def test_a_kept_message_names_its_consumer(self, lines: Lines) -> None:
        deliver("submit_order", OrderApproved(order_id=uuid4()))

        (kept,) = lines.of("dead_letter_kept")
        assert kept["consumer"] == "submit_order"
        assert kept["severity"] == "ERROR"

    def test_a_refused_answer_leaves_no_secret_behind(self, db: Database, lines: Lines) -> None:
        swipe(asked(db), 10, "somebody-else")

        text = json.dumps(lines.all())
        assert "whsec_" not in text
        assert "v1," not in text


def logged_events() -> dict[str, set[str]]:
    """The events in the code, each with the fields that are named beside it."""
    found: dict[str, set[str]] = {}
    for folder in ("functions", "infra"):
        for path in (ROOT / folder).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text())):
                for keyword in call.keywords if isinstance(call, ast.Call) else []:
                    if keyword.arg == "extra":
                        _collect(keyword.value, found)
    # A push's event follows from its result, by a table.
    fields = {"event", "date", "result", "error"}
    for event in {*push_audit._EVENTS.values(), "snapshot_failed"}:
        found.setdefault(event, set()).update(fields)
    return found


def _collect(extra: ast.expr, found: dict[str, set[str]]) -> None:
    pairs = [
        (key.value, value)
        for each in ast.walk(extra)
        if isinstance(each, ast.Dict)
        for key, value in zip(each.keys, each.values, strict=True)
        if isinstance(key, ast.Constant)
    ]
    names = {
        constant.value
        for key, value in pairs
        if key == "event"
        for constant in ast.walk(value)
        if isinstance(constant, ast.Constant)
    }
    for name in names:
        found.setdefault(str(name), set()).update(str(key) for key, _ in pairs)


@pytest.mark.skipif(not METRICS.exists(), reason="there is no deployment beside this")
def test_whatever_metrics_read_is_logged() -> None:
    logged = logged_events()
    metrics = yaml.safe_load(METRICS.read_text())

    for name, metric in metrics.items():
        event = metric["event"]
        conditions = set(re.findall(r"jsonPayload\.(\w+)", metric.get("where", "")))
        read = {metric.get("value"), metric.get("label")} - {None} | conditions
        assert event in logged, f"nothing logs what {name} counts"
        assert read <= logged[event] | SPREAD.get(event, set()), f"{name} reads what is not there"
