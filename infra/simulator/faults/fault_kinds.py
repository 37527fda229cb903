"""The kinds of trouble: what each of them hits, excludes and can be told. See faults.py."""

from dataclasses import dataclass

_ORDERS = "/v2/orders"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault; `method` and `path` are what it hits unless it is told otherwise.

    At most one fault of each group hits a request, the oldest first: two queued `status` faults
    hit two requests, while a slow one can also fail. The same holds for an order.
    """

    group: str
    parameters: frozenset[str] = frozenset()
    method: str | None = None
    path: str = "/v"
    # Whether it is used up only when its effect shows: the code that lets it show says so.
    late: bool = False

    @property
    def hits_orders(self) -> bool:
        """Whether it goes with an order for life, and not with one request."""
        return self.group in ("hold", "course")

    @property
    def hits_requests(self) -> bool:
        """Whether it hits a request."""
        return not (self.hits_orders or self.hits_streams)

    @property
    def hits_streams(self) -> bool:
        """Whether it hits a frame of a stream, and not a request."""
        return self.group == "stream"


def _named(*parameters: str) -> frozenset[str]:
    return frozenset(parameters)


def _order(group: str, *parameters: str) -> Kind:
    return Kind(group, _named("symbol", "side", "client_order_id", *parameters), "POST", _ORDERS)


def _view(group: str, path: str = _ORDERS) -> Kind:
    return Kind(group, _named("client_order_id"), "GET", path, late=True)


KINDS = {
    "refuse_connection": Kind("reply"),
    "accept_then_timeout": Kind("reply", _named("delay"), "POST"),
    "accept_then_504": Kind("reply", method="POST"),
    "accept_then_cut": Kind("reply", method="POST"),
    "status": Kind("reply", _named("status", "body", "headers", "rate_headers", "html")),
    "slow": Kind("delay", _named("delay")),
    "stale_quote": Kind("quote", _named("age", "symbol")),
    "empty_quote": Kind("quote", _named("side", "symbol")),
    "stale_order": _view("lag"),
    "missing_in_lookup": _view("lookup", "/v2/orders:by_client_order_id"),
    "duplicate_in_list": _view("list"),
    "missing_in_list": _view("list"),
    "fill_before_cancel": Kind("cancel", _named("answer"), "DELETE", "/v2/orders/", late=True),
    "pending_new_for": _order("hold", "seconds"),
    "hold_status": _order("hold", "seconds", "status"),
    "partial_fill": _order("course", "fraction", "every", "executions", "worse_by"),
    "reject_late": _order("course", "delay"),
    "cancel_at_broker": _order("course", "delay"),
    "expire_at_broker": _order("course", "delay"),
    "disconnect": Kind("stream", path="/"),
    "slow_client": Kind("stream", path="/"),
    "duplicate_frame": Kind("stream", path="/"),
}
