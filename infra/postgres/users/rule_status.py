"""Why each rule did or did not fire, at its last evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from common.market import trading_day_start
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
                                          held_back, fires, evaluated_at)
        SELECT config_key, rule_id, symbol, outcome, observed, asked, held_back,
               CAST(outcome = 'fired' AS integer), :now
        FROM jsonb_to_recordset(CAST(:statuses AS jsonb)) AS s (
            config_key text, rule_id text, symbol text, outcome text, observed jsonb,
            asked integer, held_back jsonb)
        ORDER BY config_key, rule_id, symbol
        ON CONFLICT (config_key, rule_id, symbol) DO UPDATE
        SET outcome = excluded.outcome, observed = excluded.observed, asked = excluded.asked,
            held_back = excluded.held_back, evaluated_at = excluded.evaluated_at,
            fires = excluded.fires
                + CASE WHEN known.evaluated_at >= :midnight THEN known.fires ELSE 0 END
        """,
        midnight=trading_day_start(now),
        statuses=to_json([vars(status) for status in statuses]),
        now=now,
    )


def count(tx: Transaction, statuses: Sequence[RuleStatus], evaluated_at: datetime) -> None:
    """Add whom another piece of an evaluation asked, unless a later evaluation replaced it."""
    totals: dict[tuple[str, str, str], RuleStatus] = {}
    for status in statuses:
        key = (status.config_key, status.rule_id, status.symbol)
        totals[key] = merged(totals.get(key), status)
    tx.run(
        """
        WITH counted AS (
            SELECT * FROM jsonb_to_recordset(CAST(:statuses AS jsonb)) AS s (
                config_key text, rule_id text, symbol text, asked integer, held_back jsonb)
        ), locked AS MATERIALIZED (
            SELECT config_key, rule_id, symbol FROM rule_status
            JOIN counted USING (config_key, rule_id, symbol)
            WHERE evaluated_at = :evaluated_at
            ORDER BY config_key, rule_id, symbol
            FOR UPDATE OF rule_status
        )
        UPDATE rule_status AS known
        SET asked = known.asked + counted.asked,
            held_back = (
                SELECT coalesce(jsonb_object_agg(reason, users), '{}')
                FROM (SELECT key AS reason, sum(CAST(value AS integer)) AS users
                      FROM (SELECT * FROM jsonb_each_text(known.held_back)
                            UNION ALL SELECT * FROM jsonb_each_text(counted.held_back)) AS each
                      GROUP BY key) AS summed)
        FROM counted JOIN locked USING (config_key, rule_id, symbol)
        WHERE known.config_key = counted.config_key AND known.rule_id = counted.rule_id
          AND known.symbol = counted.symbol
        """,
        statuses=to_json([vars(status) for status in totals.values()]),
        evaluated_at=evaluated_at,
    )


def merged(earlier: RuleStatus | None, status: RuleStatus) -> RuleStatus:
    """Join what a rule said of several positions: fired if it fired for any of them."""
    if earlier is None:
        return status
    shown = earlier if earlier.outcome == "fired" else status
    reasons = earlier.held_back.keys() | status.held_back.keys()
    held_back = {
        why: earlier.held_back.get(why, 0) + status.held_back.get(why, 0) for why in reasons
    }
    return replace(shown, asked=earlier.asked + status.asked, held_back=held_back)
