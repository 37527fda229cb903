"""Asking: opportunities, questions, confirmations and their announcements, set-based."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from common.messages import Firing, OrderApproved, QuestionCreated
from common.questions import PIPELINE_KEY, consequence, waiting_step
from common.receipts.consent import consented
from infra.postgres.database import Row, Transaction, to_json
from infra.postgres.trading import order_columns


@dataclass(frozen=True)
class Proposed:
    """What a rule of one config proposes, and to whom.

    `denials` has everybody's uid, with the reason why they are not asked: a denial code, or that
    their own data is set aside; None where nothing keeps them from it.
    """

    firing: Firing
    config_key: str
    max_queued_questions: int
    denials: Mapping[str, str | None]


@dataclass(frozen=True)
class AskResult:
    """The flows that began, one for each user who was asked; and how many were not, by reason."""

    flow_ids: list[str] = field(default_factory=list)
    held_back: dict[str, int] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """How many users were asked."""
        return len(self.flow_ids)


def ask(tx: Transaction, proposed: Sequence[Proposed]) -> list[AskResult]:
    """Ask everybody who may be asked now, or order for them where they asked not to be asked.

    Returns what became of each proposal. No two of them are for the same user. What several configs
    propose by the same rule is one statement, whatever the number of configs and users. Claiming
    the cooldown takes the row lock of the user's state, so that of two evaluations at once only one
    asks; the unique indexes on opportunities and pending confirmations stand behind it.
    """
    results = [AskResult() for _ in proposed]
    alike = defaultdict[object, list[int]](list)
    for n, each in enumerate(proposed):
        if not each.denials:
            continue
        alike[each.firing.needs_yes, *_claim(each.firing).values()].append(n)
    for places in alike.values():
        for row in _ask_together(tx, {n: proposed[n] for n in places}):
            result = results[row["n"]]
            if row["held_back"] is None:
                result.flow_ids.extend(row["flow_ids"].split())
            else:
                result.held_back[row["held_back"]] = row["users"]
    return results


def _ask_together(tx: Transaction, proposed: Mapping[int, Proposed]) -> list[Row]:
    """Ask what is claimed in the same words: by one rule, at one time."""
    (firing, *_) = (each.firing for each in proposed.values())
    if firing.needs_yes:
        sql = _CLAIM + _ASK + _COUNTS
        document, values = _question, _question_values(firing)
    else:
        sql = _CLAIM + _ORDER + _COUNTS
        document, values = _order, {"topic": OrderApproved.topic}
    return tx.rows(
        sql,
        proposed=to_json([_proposal(n, each) | document(each) for n, each in proposed.items()]),
        uids=[uid for each in proposed.values() for uid in each.denials],
        denials=[denial for each in proposed.values() for denial in each.denials.values()],
        places=[n for n, each in proposed.items() for _ in each.denials],
        **_claim(firing),
        **values,
    )


def _claim(firing: Firing) -> dict[str, object]:
    """Name the values of the claim, which are the same for all of a statement."""
    terms = firing.terms
    return {
        "rule_id": terms.rule_id,
        "context": to_json({"last_fired": {terms.rule_id: terms.asked_at.isoformat()}}),
        "cooldown": firing.cooldown_seconds,
        "now": terms.asked_at,
        "expires_at": terms.expires_at,
    }


def _question_values(firing: Firing) -> dict[str, object]:
    rule_id = firing.terms.rule_id
    return {
        "source_tag": f"trading:rule:{rule_id}",
        "pipeline_key": PIPELINE_KEY,
        "pipeline_step": waiting_step(rule_id),
        "topic": QuestionCreated.topic,
    }


def _proposal(n: int, proposed: Proposed) -> dict[str, object]:
    """Say what one config proposes, by the names of `proposed` in SQL."""
    return {
        "n": n,
        "max_queued": proposed.max_queued_questions,
        "rule_type": proposed.firing.rule_type,
        "terms": proposed.firing.terms.model_dump(mode="json"),
    }


def _question(proposed: Proposed) -> dict[str, object]:
    firing = proposed.firing
    shown = {"question_text": firing.text, "consequence": consequence(firing.terms)}
    return {"shown": shown | {"follow_up_of": None}}


def _order(proposed: Proposed) -> dict[str, object]:
    terms = proposed.firing.terms
    return {"ordered": order_columns.values_of(terms), "consented": consented(terms, None)}


# When the rule last fired for a user; what somebody wrote there that is no instant counts as never.
_LAST_FIRED = """coalesce(
    CASE WHEN pg_input_is_valid(s.context #>> ARRAY['last_fired', :rule_id], 'timestamptz')
         THEN CAST(s.context #>> ARRAY['last_fired', :rule_id] AS timestamptz) END,
    '-infinity')"""
_CLAIM = f"""
    WITH proposed AS MATERIALIZED (
        -- Of the message, what a config's questions have in common: all but its opening brace.
        SELECT each.*, substr(CAST(terms || shown AS text), 2) AS common,
               o.symbol, o.price, o.reference, o.pct, o.as_of, o.snapshot_ids, o.config_hash,
               jsonb_populate_record(CAST(NULL AS trade_orders), ordered) AS ordering
        FROM jsonb_to_recordset(CAST(:proposed AS jsonb)) AS each (
            n integer, max_queued integer, rule_type text, terms jsonb,
            shown jsonb, ordered jsonb, consented text)
        CROSS JOIN jsonb_populate_record(CAST(NULL AS opportunities), terms) AS o
    ), candidates AS MATERIALIZED (
        -- User by user, by index: a join would read what all others have pending, too. And each
        -- reason is a value and no condition, so that the planner knows how many rows to expect.
        SELECT who.uid AS firebase_uid, who.n, reason.held_back,
               CASE WHEN reason.held_back IS NULL THEN who.uid END AS claimant
        FROM unnest(CAST(:uids AS text[]), CAST(:places AS integer[]), CAST(:denials AS text[]))
            AS who (uid, n, denial)
        JOIN proposed USING (n)
        LEFT JOIN LATERAL (
            SELECT context FROM trading_cursors WHERE firebase_uid = who.uid LIMIT 1
        ) AS s ON true
        CROSS JOIN LATERAL (
            SELECT count(*) AS length, count(*) FILTER (WHERE p.rule_id = :rule_id) AS of_rule
            FROM confirmations p WHERE p.firebase_uid = who.uid AND p.status = 'pending'
        ) AS queue
        -- The first reason is counted: one that passes by itself before one that does not.
        CROSS JOIN LATERAL (
            SELECT CASE WHEN queue.of_rule > 0 THEN 'question_pending'
                        WHEN queue.length >= proposed.max_queued THEN 'queue_full'
                        WHEN {_LAST_FIRED}
                             > CAST(:now AS timestamptz) - make_interval(secs => :cooldown)
                        THEN 'cooldown'
                        ELSE who.denial END AS held_back
        ) AS reason
    ), claimed AS (
        INSERT INTO trading_cursors AS s (firebase_uid, last_eval_at, context, updated_at)
        SELECT claimant, CAST(:now AS timestamptz), CAST(:context AS jsonb), :now
        FROM candidates
        WHERE claimant IS NOT NULL
        ORDER BY claimant
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
        SELECT uuidv7(), firebase_uid, :rule_id, rule_type, symbol, price,
               reference, pct, as_of, snapshot_ids, config_hash, :now
        FROM claimed JOIN candidates USING (firebase_uid) JOIN proposed USING (n)
        ON CONFLICT (firebase_uid, rule_id, symbol, as_of) DO NOTHING
        RETURNING id AS opportunity_id, firebase_uid
"""

# After a claim: ask, and announce the question.
_ASK = """    ), pending AS (
        INSERT INTO confirmations (question_id, opportunity_id, firebase_uid, rule_id,
                                   asked_at, expires_at)
        SELECT uuidv7(), opportunity_id, firebase_uid, :rule_id, :now, :expires_at
        FROM flagged
        ON CONFLICT (firebase_uid, rule_id) WHERE status = 'pending' DO NOTHING
        RETURNING question_id, firebase_uid
    ), flows AS MATERIALIZED (
        SELECT question_id AS id, firebase_uid, n
        FROM pending JOIN candidates USING (firebase_uid)
    ), questioned AS (
        INSERT INTO trading_questions (id, firebase_uid, question_text, correct_answer, source_tag,
                               pipeline_key, pipeline_step, metadata)
        SELECT id, firebase_uid, shown ->> 'question_text', 10, :source_tag, :pipeline_key,
               :pipeline_step, terms
        FROM flows JOIN proposed USING (n)
    ), announced AS (
        -- Its message has the question's id: one less that must be made up.
        INSERT INTO outbox (message_id, topic, ordering_key, payload, created_at)
        SELECT CAST(id AS text), :topic, firebase_uid,
               CAST(format('{"question_id": "%s", "firebase_uid": %s, %s',
                           id, to_json(firebase_uid), common) AS json),
               :now
        FROM flows JOIN proposed USING (n)
    )
"""

# After a claim: order what the user asked not to be asked about. The same guardrails follow.
_ORDER = f"""
    ), ordered AS (
        {order_columns.INSERT_UNASKED}
        FROM flagged JOIN candidates USING (firebase_uid) JOIN proposed USING (n)
        RETURNING id AS order_id, firebase_uid, opportunity_id
    ), flows AS MATERIALIZED (
        SELECT opportunity_id AS id, firebase_uid, n
        FROM ordered JOIN candidates USING (firebase_uid)
    ), announced AS (
        INSERT INTO outbox (topic, ordering_key, payload, created_at)
        SELECT :topic, firebase_uid, json_build_object('order_id', order_id), :now FROM ordered
    )
"""

_COUNTS = """
    SELECT n, NULL AS held_back, count(*) AS users, string_agg(CAST(id AS text), ' ') AS flow_ids
    FROM flows GROUP BY n
    UNION ALL
    SELECT n, held_back, count(*), NULL FROM candidates
    WHERE held_back IS NOT NULL GROUP BY n, held_back
"""
