"""The deployed source file: every entry point, no logic."""

import sys
from pathlib import Path

# In a checkout this file lies one folder below the packages, and functions-framework puts only its
# own folder on the path; in what is deployed it lies beside them.
_here = Path(__file__).resolve().parent
sys.path.insert(0, str(_here.parent if _here.name == "functions" else _here))

from functions.account_api import account_api
from functions.answer import answer
from functions.ask import ask
from functions.console import console
from functions.evaluate import evaluate
from functions.ingest import ingest
from functions.push_snapshot import push_snapshot
from functions.reconcile_orders import reconcile_orders
from functions.relay_outbox import relay_outbox
from functions.submit_order import submit_order

__all__ = [
    "account_api",
    "answer",
    "ask",
    "console",
    "evaluate",
    "ingest",
    "push_snapshot",
    "reconcile_orders",
    "relay_outbox",
    "submit_order",
]
