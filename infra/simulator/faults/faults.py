"""What goes wrong on demand, and how often it did.

Faults of a request
---------------------  ---------------------------------------------------------------------------
`refuse_connection`    not carried out; the connection closes without a reply. (A connection that is
                       refused for good needs a server that is `away`, see serving.py.)
`accept_then_timeout`  carried out; after `delay` seconds the connection closes without a reply
`accept_then_504`      carried out; answered 504 with an empty body
`accept_then_cut`      carried out; the connection closes in the middle of the answer
`status`               not carried out; answered `status` with `body` (JSON, text, or absent for
                       what is documented of that status), `headers` and, with `rate_headers`,
                       X-RateLimit-*; `html` marks a text body as HTML
`slow`                 carried out after `delay` seconds
`stale_quote`          the quotes in the answer are `age` seconds old (default 3600)
`empty_quote`          the quotes in the answer have no `side`: ask (default), bid or both

Faults of what is seen of the orders; of a list, one order is spoilt: the one that changed last.
With `client_order_id` it is only ever that order.
---------------------  ---------------------------------------------------------------------------
`stale_order`          a look-up or list shows the order as it was before its last change
`missing_in_lookup`    a look-up by the client's id answers 404, though the order is there
`duplicate_in_list`    a list holds the order twice: as it is, and as it was before
`missing_in_list`      a list leaves the order out
`fill_before_cancel`   the order fills before its cancellation: answered 204 all the same, or, with
                       `answer` 422, refused because it is filled

Faults of an order; they go with it from its acceptance on, its POST is answered as ever. `symbol`,
`side` and `client_order_id` (its beginning) choose the order. Seconds are simulated ones, and count
from when the market is open to it.
---------------------  ---------------------------------------------------------------------------
`pending_new_for`      it is `pending_new` for `seconds` (default 60) before anything else happens
`hold_status`          the same with any `status`, known (held, suspended, ...) or not
`partial_fill`         it executes by `fraction` of its quantity (default 0.5), one part at each
                       working that is `every` seconds (default 0) after the one before, each
                       `worse_by` dollars worse (default 0); after `executions` of them (default:
                       all) nothing more, until it is cancelled or runs out. Only orders that can
                       be parted are hit: not one for a single share
`reject_late`          it is rejected at the first working after `delay` seconds (default 0)
`cancel_at_broker`     the same, but canceled, though nobody asked for it
`expire_at_broker`     the same, but expired before its time

Faults of a stream (streams/). The first two come in place of a frame with data, whose events are
lost: nothing is sent again. `path` (default: any) is /v2/iex for prices, /stream for order updates.
---------------------  ---------------------------------------------------------------------------
`disconnect`           the connection breaks, without a closing handshake
`slow_client`          the client is told that it is too slow (407), and the connection closes
`duplicate_frame`      the frame comes twice

Each has `times` (how many requests, orders or frames it hits), and those of requests `method` and
`path`, a prefix. A schedule says when it is due: not before `after` matches went by unharmed, not
before `since` and no more at `until` (simulated times), and then with `probability`, by a `seed`.

What was decided for an order lives as long as this process: after a restart it goes on like others.

A hit is counted when it happens: an order's fault when it shows on the order, and one of what is
seen when an answer was spoilt; those that find nothing to spoil wait for the next request.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from infra.simulator.faults.fault import Fault, FaultSchedule
from infra.simulator.faults.fault_kinds import KINDS
from infra.simulator.faults.order_fault import OrderFault
from infra.simulator.faults.switches import Switches
from infra.simulator.ledger.orders import Order


class Faults:
    """The waiting faults and the count of those that hit."""

    def __init__(self, now: Callable[[], datetime], switches: Switches) -> None:
        self._now, self._switches, self._lock = now, switches, threading.Lock()
        self._waiting: list[Fault] = []
        self._order_faults: dict[str, OrderFault] = {}
        self._accepted = 0
        self._injected: Counter[str] = Counter()

    def add(
        self,
        kind: str,
        *,
        times: int = 1,
        method: str | None = None,
        path: str | None = None,
        **parameters: Any,
    ) -> None:
        """Let the next `times` matching requests or orders be hit by this (see above)."""
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
        traits = KINDS[kind]
        schedule = {name: parameters.pop(name) for name in _SCHEDULE & parameters.keys()}
        if unknown := parameters.keys() - traits.parameters:
            raise ValueError(f"fault {kind} has no parameter {', '.join(sorted(unknown))}")
        if times < 1:
            raise ValueError("times must be at least 1")
        _check(kind, parameters)
        method, path = method or traits.method, path or traits.path
        fault = Fault(kind, times, method, path, FaultSchedule(**schedule), parameters)
        with self._lock:
            self._waiting.append(fault)

    def take(self, method: str, path: str) -> dict[str, Fault]:
        """Return the faults that hit this request, by group; count those that are sure to show."""
        return self._take_due(
            lambda fault: fault.traits.hits_requests and fault.matches(method, path)
        )

    def take_frame(self, path: str) -> Fault | None:
        """Return the fault that hits the next frame with data on a stream, and count it."""
        due = self._take_due(
            lambda fault: fault.traits.hits_streams and path.startswith(fault.path)
        )
        return due.get("stream")

    def assign(self, order: Order, begins: int) -> None:
        """Decide what becomes of an order that was just accepted."""
        due = self._take_due(lambda fault: fault.traits.hits_orders and fault.concerns(order))
        self._accepted += 1
        course = due.get("course") or self._by_chance(order)
        if due or course:
            self._order_faults[order.id] = OrderFault(begins, due.get("hold"), course)

    def order_fault(self, order_id: str) -> OrderFault:
        """Return what was assigned to an order; most orders have no fault."""
        return self._order_faults.get(order_id) or OrderFault()

    def hit(self, fault: Fault) -> bool:
        """Use up and count a late fault whose effect shows now; False when it already was."""
        with self._lock:
            if not fault.times:
                return False
            self._use(fault)
            self._injected[fault.kind] += 1
            return True

    def count(self, kind: str) -> None:
        """Count what happened to an order."""
        with self._lock:
            self._injected[kind] += 1

    def injected(self, kind: str | None = None) -> int:
        """Return how many requests or orders were hit, by this kind or by any."""
        with self._lock:
            return self._injected[kind] if kind else self._injected.total()

    def waiting(self) -> list[Fault]:
        """Return the faults that will still hit."""
        with self._lock:
            return [replace(fault) for fault in self._waiting]

    def stop(self) -> None:
        """Forget all faults, and what would still become of orders; the counts stay."""
        with self._lock:
            self._waiting.clear()
            self._order_faults.clear()

    def clear(self) -> None:
        """Forget all faults and counts."""
        self.stop()
        with self._lock:
            self._accepted = 0
            self._injected.clear()

    def _take_due(self, matches: Callable[[Fault], bool]) -> dict[str, Fault]:
        now = self._now()
        with self._lock:
            self._waiting = [fault for fault in self._waiting if not fault.schedule.is_over(now)]
            due: dict[str, Fault] = {}
            for fault in list(self._waiting):
                group = fault.traits.group
                if group not in due and matches(fault) and fault.schedule.is_due(now):
                    due[group] = fault
                    self._mark_used(fault)
            return due

    def _by_chance(self, order: Order) -> Fault | None:
        """Return the partial fill that the switches want for some of the orders."""
        wanted = self._switches
        dice = random.Random(f"{wanted.partial_fill_seed}:{self._accepted}")  # noqa: S311
        if dice.random() >= wanted.partial_fill_probability or not order.can_be_parted:
            return None
        fraction = Decimal(dice.randint(1, 9)) / 10
        return Fault("partial_fill", 1, None, "", FaultSchedule(), {"fraction": fraction})

    def _mark_used(self, fault: Fault) -> None:
        if fault.traits.late:
            return
        self._use(fault)
        # A fault of an order is counted when it shows on the order.
        self._injected[fault.kind] += not fault.traits.hits_orders

    def _use(self, fault: Fault) -> None:
        fault.times -= 1
        if not fault.times:
            self._waiting.remove(fault)


_SCHEDULE = {"after", "since", "until", "probability", "seed"}


def _check(kind: str, parameters: dict[str, Any]) -> None:
    if kind == "status" and not isinstance(parameters.get("status"), int):
        raise ValueError("fault status needs a status, e.g. status=503")
    if kind == "hold_status" and not parameters.get("status"):
        raise ValueError("fault hold_status needs a status, e.g. status=suspended")
    if kind == "fill_before_cancel" and parameters.get("answer", 204) not in (204, 422):
        raise ValueError("answer must be 204 or 422")
    if not 0 < Decimal(str(parameters.get("fraction", "0.5"))) < 1:
        raise ValueError("fraction must be above 0 and below 1")
