"""Why each rule did or did not fire, at its last evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from infra.postgres.database import Transaction, to_json


@dataclass(frozen=True)
class RuleStatus:
    """The outcome of one rule for one symbol, for all users of a config."""

    config_key: str
    rule_id: str
    symbol: str
    outcome: str
    observed: Mapping[str, str]
    asked: int = 0
    held_back: Mapping[str, int] = field(default_factory=dict)


def store(tx: Transaction, statuses: Sequence[RuleStatus], now: datetime) -> None:
    """Replace what is known of these rules, in one statement."""
    tx.run(
        """
        INSERT INTO rule_status AS known (config_key, rule_id, symbol, outcome, observed, asked,
                                          held_back, evaluated_at)
        SELECT config_key, rule_id, symbol, outcome, observed, asked, held_back, :now
        FROM jsonb_to_recordset(CAST(:statuses AS jsonb)) AS s (
            config_key text, rule_id text, symbol text, outcome text, observed jsonb,
            asked integer, held_back jsonb)
        ORDER BY config_key, rule_id, symbol
        ON CONFLICT (config_key, rule_id, symbol) DO UPDATE
        SET outcome = excluded.outcome, observed = excluded.observed, asked = excluded.asked,
            held_back = excluded.held_back, evaluated_at = excluded.evaluated_at
        """,
        statuses=to_json([vars(status) for status in statuses]),
        now=now,
    )
