"""Asking: opportunities, questions, confirmations and their announcements, set-based."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.messages import Audience, Firing, OrderApproved, QuestionCreated
from common.questions import PIPELINE_KEY, consequence, waiting_step
from common.receipts.consent import consented
from infra.postgres.database import Row, Transaction, to_json
from infra.postgres.trading import order_columns


@dataclass(frozen=True)
class AskResult:
    """The flows that began, one for each user who was asked; and how many were not, by reason."""

    flow_ids: Sequence[str]
    held_back: Mapping[str, int]

    @property
    def asked(self) -> int:
        """How many users were asked."""
        return len(self.flow_ids)


@dataclass(frozen=True)
class Denials:
    """Why users are not asked: those of whom something is stored by uid, all others alike.

    A reason is a denial code, or that the user's own data is set aside.
    """

    others: str | None
    by_uid: Mapping[str, str | None]


def ask(tx: Transaction, audience: Audience, firing: Firing, denials: Denials) -> AskResult:
    """Ask every user of the audience who may be asked now.

    One statement, whatever the number of users. Claiming the cooldown takes the row lock of the
    user's state, so that of two evaluations at once only one asks; the unique indexes on
    opportunities and pending confirmations stand behind it.
    """
    terms = firing.terms
    values = {
        "text": firing.text,
        "consequence": consequence(terms),
        "source_tag": f"trading:rule:{terms.rule_id}",
        "pipeline_key": PIPELINE_KEY,
        "pipeline_step": waiting_step(terms.rule_id),
        "terms": to_json(terms.model_dump(mode="json")),
        "topic": QuestionCreated.topic,
    }
    claim = _claim(audience, firing, denials)
    return _count(tx.rows(_CLAIM + _ASK + _COUNTS, **claim, **values))


def order(tx: Transaction, audience: Audience, firing: Firing, denials: Denials) -> AskResult:
    """Order for every user of the audience, who asked not to be asked; otherwise as `ask`."""
    values = order_columns.values_of(firing.terms) | {
        "consented": consented(firing.terms, None),
        "topic": OrderApproved.topic,
    }
    claim = _claim(audience, firing, denials)
    return _count(tx.rows(_CLAIM + _ORDER + _COUNTS, **claim | values))


def _claim(audience: Audience, firing: Firing, denials: Denials) -> dict[str, object]:
    """Name the values of the claim."""
    terms = firing.terms
    return {
        "config_key": audience.config_key,
        "first_uid": audience.first_uid,
        "last_uid": audience.last_uid,
        "denied_others": denials.others,
        "known_uids": list(denials.by_uid),
        "known_denials": list(denials.by_uid.values()),
        "rule_id": terms.rule_id,
        "rule_type": firing.rule_type,
        "cooldown": firing.cooldown_seconds,
        "max_queued": audience.max_queued_questions,
        "held_qty": firing.held_qty,
        "entry_price": firing.entry_price,
        "symbol": terms.symbol,
        "price": terms.price,
        "reference": terms.reference,
        "pct": terms.pct,
        "as_of": terms.as_of,
        "snapshot_ids": list(terms.snapshot_ids),
        "config_hash": terms.config_hash,
        "now": terms.asked_at,
        "expires_at": terms.expires_at,
    }


def _count(rows: list[Row]) -> AskResult:
    counts = rows[0]
    flow_ids: str = counts.pop("flow_ids")
    denied: Mapping[str, int] = counts.pop("denied")
    return AskResult(flow_ids.split(), {**{why: n for why, n in counts.items() if n}, **denied})


# When the rule last fired for a user; what somebody wrote there that is no instant counts as never.
_LAST_FIRED = """coalesce(
    CASE WHEN pg_input_is_valid(s.context #>> ARRAY['last_fired', :rule_id], 'timestamptz')
         THEN CAST(s.context #>> ARRAY['last_fired', :rule_id] AS timestamptz) END,
    '-infinity')"""
_CLAIM = f"""
    WITH candidates AS MATERIALIZED (
        SELECT c.firebase_uid,
               CASE WHEN known.uid IS NULL THEN CAST(:denied_others AS text)
                    ELSE known.denial END AS denial,
               queue.of_rule > 0 AS question_pending,
               queue.length >= CAST(:max_queued AS integer) AS queue_full,
               {_LAST_FIRED}
                   > CAST(:now AS timestamptz) - make_interval(secs => :cooldown) AS cooldown
        FROM user_trading_config c
        LEFT JOIN unnest(CAST(:known_uids AS text[]), CAST(:known_denials AS text[]))
            AS known (uid, denial) ON known.uid = c.firebase_uid
        -- User by user, by index: a join would read what all others have pending, too.
        LEFT JOIN LATERAL (
            SELECT context FROM trading_cursors
            WHERE firebase_uid = c.firebase_uid LIMIT 1
        ) AS s ON true
        CROSS JOIN LATERAL (
            SELECT count(*) AS length, count(*) FILTER (WHERE p.rule_id = :rule_id) AS of_rule
            FROM confirmations p
            WHERE p.firebase_uid = c.firebase_uid AND p.status = 'pending'
        ) AS queue
        WHERE c.enabled AND c.config_key = :config_key
          AND c.firebase_uid BETWEEN :first_uid AND :last_uid
          AND (CAST(:held_qty AS numeric) IS NULL
               OR EXISTS (SELECT FROM trades t
                          WHERE t.firebase_uid = c.firebase_uid AND t.symbol = :symbol
                            AND t.closed_at IS NULL AND t.qty = :held_qty
                            AND t.avg_entry_price = CAST(:entry_price AS numeric)))
    ), claimed AS (
        INSERT INTO trading_cursors AS s (firebase_uid, last_eval_at, context, updated_at)
        SELECT firebase_uid, CAST(:now AS timestamptz),
               jsonb_build_object('last_fired',
                                  jsonb_build_object(CAST(:rule_id AS text), :now)),
               :now
        FROM candidates
        WHERE denial IS NULL AND NOT (question_pending OR queue_full OR cooldown)
        ORDER BY firebase_uid
        ON CONFLICT (firebase_uid) DO UPDATE
        SET last_eval_at = excluded.last_eval_at,
            updated_at = excluded.updated_at,
            context = jsonb_set(s.context, '{{last_fired}}',
                                coalesce(s.context -> 'last_fired', '{{}}')
                                || (excluded.context -> 'last_fired'))
        WHERE {_LAST_FIRED}
              <= CAST(:now AS timestamptz) - make_interval(secs => :cooldown)
        RETURNING s.firebase_uid
    ), flagged AS (
        -- Ids that ascend: random ones would touch a page of each index of a year for every row.
        INSERT INTO opportunities (id, firebase_uid, rule_id, rule_type, symbol, price,
                                   reference, pct, as_of, snapshot_ids, config_hash, fired_at)
        SELECT uuidv7(), firebase_uid, :rule_id, :rule_type, :symbol, :price,
               :reference, :pct, :as_of, CAST(:snapshot_ids AS bigint[]), :config_hash, :now
        FROM claimed
        ON CONFLICT DO NOTHING
        RETURNING id AS opportunity_id, firebase_uid
"""

# After a claim: ask, and announce the question.
_ASK = """    ), pending AS (
        INSERT INTO confirmations (question_id, opportunity_id, firebase_uid, rule_id,
                                   asked_at, expires_at)
        SELECT uuidv7(), opportunity_id, firebase_uid, :rule_id, :now, :expires_at
        FROM flagged
        ON CONFLICT DO NOTHING
        RETURNING question_id, firebase_uid
    ), questioned AS (
        INSERT INTO trading_questions (id, firebase_uid, question_text, correct_answer, source_tag,
                               pipeline_key, pipeline_step, metadata)
        SELECT question_id, firebase_uid, :text, 10, :source_tag, :pipeline_key,
               :pipeline_step, CAST(:terms AS jsonb)
        FROM pending
    ), announced AS (
        INSERT INTO outbox (topic, ordering_key, payload, created_at)
        SELECT :topic, firebase_uid,
               CAST(:terms AS jsonb) || jsonb_build_object(
                   'question_id', question_id, 'firebase_uid', firebase_uid,
                   'question_text', CAST(:text AS text),
                   'consequence', CAST(:consequence AS text), 'follow_up_of', null),
               :now
        FROM pending
        RETURNING 1
    ), flows AS (
        SELECT CAST(question_id AS text) AS flow_id FROM pending
    )
"""

# After a claim: order what the user asked not to be asked about. The same guardrails follow.
_ORDER = f"""
    ), ordered AS (
        {order_columns.INSERT_UNASKED}
        FROM flagged
        RETURNING id, firebase_uid, CAST(opportunity_id AS text) AS flow_id
    ), announced AS (
        INSERT INTO outbox (topic, ordering_key, payload, created_at)
        SELECT :topic, firebase_uid, jsonb_build_object('order_id', id), :now FROM ordered
        RETURNING 1
    ), flows AS (
        SELECT flow_id FROM ordered
    )
"""

# The first reason that keeps a user from being asked is counted: one that passes by itself before
# one that does not.
_COUNTS = """
    SELECT (SELECT coalesce(string_agg(flow_id, ' '), '') FROM flows) AS flow_ids,
           count(*) FILTER (WHERE question_pending) AS question_pending,
           count(*) FILTER (WHERE queue_full AND NOT question_pending) AS queue_full,
           count(*) FILTER (WHERE cooldown AND NOT queue_full AND NOT question_pending)
               AS cooldown,
           (SELECT coalesce(jsonb_object_agg(denial, users), '{}')
            FROM (SELECT denial, count(*) AS users FROM candidates
                  WHERE denial IS NOT NULL
                    AND NOT (question_pending OR queue_full OR cooldown)
                  GROUP BY denial) AS each) AS denied
    FROM candidates
"""
