"""The life of an order: which status may follow which (alpaca-api.md section 5.3).

    approved ──► submitting ──► the broker's statuses, in any order ──► a terminal one
       │              └──► denied: it never arrived, and its yes has expired
       └──► denied, or canceled by its user

The broker's statuses may arrive late, twice and in any order, and new ones may appear: what is no
terminal status is taken for one the broker still works on. Nothing follows a terminal status.
"""

# Ours, before the broker knows the order, or when it never will.
APPROVED = "approved"
SUBMITTING = "submitting"
DENIED = "denied"

REJECTED = "rejected"
CANCELED = "canceled"
EXPIRED = "expired"

TERMINAL = frozenset({DENIED, REJECTED, CANCELED, EXPIRED, "filled", "replaced"})
# The broker has the order, and passes it on within moments: to stay here for long is to be stuck.
IN_TRANSIT = frozenset({"pending_new", "pending_cancel", "pending_replace", "pending_review"})

_OURS = frozenset({APPROVED, SUBMITTING, DENIED})
_AFTER_APPROVED = frozenset({SUBMITTING, DENIED, CANCELED})


def may_follow(status: str, then: str) -> bool:
    """Tell whether an order in `status` may go to `then`."""
    if status in TERMINAL:
        return False
    if status == APPROVED:
        return then in _AFTER_APPROVED
    if status == SUBMITTING:
        return then not in {APPROVED, SUBMITTING}
    return then not in _OURS
