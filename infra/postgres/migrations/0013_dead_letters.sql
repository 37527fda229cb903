-- Messages that no retry can help, kept for a person. One can be put back into the outbox; when it
-- fails again it is open again.
CREATE TABLE dead_letters (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer     text COLLATE "C" NOT NULL,
    topic        text NOT NULL,
    message_id   text COLLATE "C" NOT NULL,
    ordering_key text NOT NULL DEFAULT '',
    payload      text NOT NULL,
    error        text NOT NULL,
    attempts     integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    retried_at   timestamptz,
    UNIQUE (consumer, message_id)
);
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE retried_at IS NULL;
