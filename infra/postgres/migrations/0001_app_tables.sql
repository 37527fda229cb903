-- `users` and `questions` belong to the app. They are created only where the app has not done so,
-- and never altered: what Countersign must know about a question is in `confirmations`.

CREATE TABLE IF NOT EXISTS users (
    firebase_uid text PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS questions (
    id             uuid PRIMARY KEY,
    firebase_uid   text NOT NULL REFERENCES users (firebase_uid),
    question_text  text NOT NULL,
    correct_answer numeric,
    source_tag     text NOT NULL,
    pipeline_key   text NOT NULL,
    pipeline_step  text NOT NULL,
    metadata       jsonb NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL DEFAULT now()
);
