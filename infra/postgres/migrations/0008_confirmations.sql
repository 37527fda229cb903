-- What became of a question: our side of the app's `questions` row. That row, its opportunity and the
-- cursor of its user are written by the same statement, and are not looked up once more for each of a
-- million. A question that the app deletes can no longer be answered, and expires.
CREATE TABLE confirmations (
    question_id    uuid PRIMARY KEY,
    opportunity_id uuid NOT NULL,
    follow_up_of   uuid REFERENCES confirmations (question_id),
    firebase_uid   text COLLATE "C" NOT NULL,
    rule_id        text COLLATE "C" NOT NULL,
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
CREATE UNIQUE INDEX confirmations_one_follow_up ON confirmations (follow_up_of)
    WHERE follow_up_of IS NOT NULL;
CREATE INDEX confirmations_asked_at ON confirmations (asked_at);
CREATE INDEX confirmations_expiring ON confirmations (expires_at) WHERE status = 'pending';
-- A user's own list, newest first, page by page.
CREATE INDEX confirmations_of_user
    ON confirmations (firebase_uid, asked_at DESC, question_id DESC);

-- How many are pending is none in a quiet minute and a million in the next. What ANALYZE saw of it
-- last must not decide: where it saw none, an index over all that are pending looks as cheap as one
-- user's part of it, and each user was asked by reading what all the others had pending. Without
-- statistics the planner takes one in two hundred to be pending.
ALTER TABLE confirmations ALTER COLUMN status SET STATISTICS 0;
