"""The life of an order: which status may follow which (docs/broker.md, States and fills).

    approved ──► submitting ──► the broker's statuses, in any order ──► a terminal one
       │              └──► denied: it never arrived, and its yes has expired
       └──► denied, or canceled by its user

The broker's statuses may arrive late, twice and in any order, and new ones may appear: what is no
terminal status is taken for one the broker still works on. Nothing follows a terminal status but an
execution that the broker reports late: an order that was canceled may turn out to be filled.
"""

# Ours, before the broker knows the order, or when it never will.
APPROVED = "approved"
SUBMITTING = "submitting"
DENIED = "denied"

REJECTED = "rejected"
CANCELED = "canceled"
EXPIRED = "expired"

FILLED = "filled"
# The broker's status for "executed, the figures are not final".
CALCULATED = "calculated"
# The broker's answer had no status, or none that is a word.
UNKNOWN = "unknown"

# What the broker ended, perhaps before its last execution was reported.
ENDED_BY_BROKER = frozenset({REJECTED, CANCELED, EXPIRED, FILLED, "replaced"})
TERMINAL = ENDED_BY_BROKER | {DENIED}
# The broker has the order, and passes it on within moments: to stay here for long is to be stuck.
IN_TRANSIT = frozenset(
    {"pending_new", "pending_cancel", "pending_replace", "pending_review", CALCULATED}
)
# The broker's documented words. Any other is kept as it is, and reported.
KNOWN = (
    ENDED_BY_BROKER
    | IN_TRANSIT
    | {"new", "accepted", "accepted_for_bidding", "partially_filled", "done_for_day"}
    | {"stopped", "suspended", "held"}
)

_OURS = frozenset({APPROVED, SUBMITTING, DENIED})
_AFTER_APPROVED = frozenset({SUBMITTING, DENIED, CANCELED})


def may_follow(status: str, then: str) -> bool:
    """Return whether an order in `status` may go to `then`."""
    if status in TERMINAL:
        return False
    if status == APPROVED:
        return then in _AFTER_APPROVED
    if status == SUBMITTING:
        return then not in {APPROVED, SUBMITTING}
    return then not in _OURS


def after_execution(status: str, then: str) -> str:
    """Return where an execution takes an order that the broker calls `then`.

    What has ended stays ended; only another word for its end is believed.
    """
    return then if then in ENDED_BY_BROKER or status not in ENDED_BY_BROKER else status
