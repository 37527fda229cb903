-- A rule that fired for a user, with everything it saw.
CREATE TABLE opportunities (
    id           uuid PRIMARY KEY,
    firebase_uid text NOT NULL REFERENCES users (firebase_uid),
    rule_id      text NOT NULL,
    rule_type    text NOT NULL,
    symbol       text NOT NULL,
    price        numeric NOT NULL,
    reference    numeric,
    pct          numeric,
    as_of        timestamptz NOT NULL,
    snapshot_ids bigint[] NOT NULL,
    config_hash  text NOT NULL,
    fired_at     timestamptz NOT NULL,
    UNIQUE (firebase_uid, rule_id, symbol, as_of)
);
CREATE INDEX opportunities_fired_at ON opportunities (fired_at);

-- What became of a question: our side of the app's `questions` row.
CREATE TABLE confirmations (
    question_id    uuid PRIMARY KEY REFERENCES questions (id),
    opportunity_id uuid NOT NULL REFERENCES opportunities (id),
    follow_up_of   uuid UNIQUE REFERENCES confirmations (question_id),
    firebase_uid   text NOT NULL REFERENCES users (firebase_uid),
    rule_id        text NOT NULL,
    status         text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'approve', 'reject', 'ambiguous', 'expired', 'withdrawn')),
    asked_at       timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    answer         numeric,
    answered_at    timestamptz,
    decided_at     timestamptz,
    CHECK ((status IN ('approve', 'reject', 'ambiguous')) = (answer IS NOT NULL))
);
-- At most one pending question per user and rule, whatever races.
CREATE UNIQUE INDEX confirmations_one_pending ON confirmations (firebase_uid, rule_id)
    WHERE status = 'pending';
-- An opportunity is asked about once, and an ambiguous answer followed up once.
CREATE UNIQUE INDEX confirmations_one_per_opportunity ON confirmations (opportunity_id)
    WHERE follow_up_of IS NULL;
CREATE INDEX confirmations_asked_at ON confirmations (asked_at);
CREATE INDEX confirmations_expiring ON confirmations (expires_at) WHERE status = 'pending';
