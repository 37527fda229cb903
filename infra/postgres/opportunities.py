"""Asking: opportunities, questions, confirmations and their announcements, set-based."""

from dataclasses import dataclass

from common.messages import QuestionCreated
from common.questions import PIPELINE_KEY, Terms
from common.rules import Rule
from infra.postgres.database import Transaction, to_json


@dataclass(frozen=True)
class Ask:
    """A rule that fired, for all users of one config."""

    config_key: str
    rule: Rule
    terms: Terms
    text: str
    max_queued_questions: int


def ask(tx: Transaction, each: Ask) -> int:
    """Ask every user of the config who may be asked now; return how many were.

    One statement, whatever the number of users. Claiming the cooldown takes the row lock of the
    user's state, so that of two evaluations at once only one asks; the unique indexes on
    opportunities and pending confirmations stand behind it.
    """
    terms = each.terms
    return tx.run(
        """
        WITH eligible AS (
            SELECT c.firebase_uid FROM user_trading_config c
            WHERE c.enabled AND c.config_key = :config_key
              AND NOT EXISTS (SELECT FROM confirmations p
                              WHERE p.firebase_uid = c.firebase_uid AND p.rule_id = :rule_id
                                AND p.status = 'pending')
              AND (SELECT count(*) FROM confirmations p
                   WHERE p.firebase_uid = c.firebase_uid AND p.status = 'pending')
                  < CAST(:max_queued AS integer)
            ORDER BY c.firebase_uid
        ), claimed AS (
            INSERT INTO user_trading_state AS s (firebase_uid, last_eval_at, context, updated_at)
            SELECT firebase_uid, CAST(:now AS timestamptz),
                   jsonb_build_object('last_fired',
                                      jsonb_build_object(CAST(:rule_id AS text), :now)),
                   :now
            FROM eligible
            ON CONFLICT (firebase_uid) DO UPDATE
            SET last_eval_at = excluded.last_eval_at,
                updated_at = excluded.updated_at,
                context = jsonb_set(s.context, '{last_fired}',
                                    coalesce(s.context -> 'last_fired', '{}')
                                    || (excluded.context -> 'last_fired'))
            WHERE coalesce(CAST(s.context #>> ARRAY['last_fired', :rule_id] AS timestamptz),
                           '-infinity')
                  <= CAST(:now AS timestamptz) - make_interval(secs => :cooldown)
            RETURNING s.firebase_uid
        ), ids AS MATERIALIZED (
            SELECT firebase_uid, gen_random_uuid() AS opportunity_id,
                   gen_random_uuid() AS question_id
            FROM claimed
        ), flagged AS (
            INSERT INTO opportunities (id, firebase_uid, rule_id, rule_type, symbol, price,
                                       reference, pct, as_of, snapshot_ids, config_hash, fired_at)
            SELECT opportunity_id, firebase_uid, :rule_id, :rule_type, :symbol, :price,
                   :reference, :pct, :as_of, CAST(:snapshot_ids AS bigint[]), :config_hash, :now
            FROM ids
            ON CONFLICT DO NOTHING
            RETURNING id
        ), pending AS (
            INSERT INTO confirmations (question_id, opportunity_id, firebase_uid, rule_id,
                                       asked_at, expires_at)
            SELECT question_id, opportunity_id, firebase_uid, :rule_id, :now, :expires_at
            FROM ids JOIN flagged ON flagged.id = ids.opportunity_id
            ON CONFLICT DO NOTHING
            RETURNING question_id, firebase_uid
        ), asked AS (
            INSERT INTO questions (id, firebase_uid, question_text, correct_answer, source_tag,
                                   pipeline_key, pipeline_step, metadata)
            SELECT question_id, firebase_uid, :text, 10, :source_tag, :pipeline_key,
                   :pipeline_step, CAST(:terms AS jsonb)
            FROM pending
        )
        INSERT INTO outbox (topic, ordering_key, payload, created_at)
        SELECT :topic, firebase_uid,
               CAST(:terms AS jsonb) || jsonb_build_object(
                   'question_id', question_id, 'firebase_uid', firebase_uid,
                   'question_text', CAST(:text AS text)),
               :now
        FROM pending
        """,
        config_key=each.config_key,
        rule_id=each.rule.id,
        rule_type=each.rule.type,
        cooldown=each.rule.cooldown_seconds,
        max_queued=each.max_queued_questions,
        symbol=terms.symbol,
        price=terms.price,
        reference=terms.reference,
        pct=terms.pct,
        as_of=terms.as_of,
        snapshot_ids=list(terms.snapshot_ids),
        config_hash=terms.config_hash,
        now=terms.asked_at,
        expires_at=terms.expires_at,
        text=each.text,
        source_tag=f"trading:rule:{each.rule.id}",
        pipeline_key=PIPELINE_KEY,
        pipeline_step=f"{each.rule.id}:await_confirm",
        terms=to_json(terms.model_dump(mode="json")),
        topic=QuestionCreated.topic,
    )
