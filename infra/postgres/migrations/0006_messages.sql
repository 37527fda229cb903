-- Messages stored in the transaction of the state change that they announce.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic        text NOT NULL,
    ordering_key text NOT NULL,
    payload      jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    published_at timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;

-- Messages that no retry can help, kept for a person.
CREATE TABLE dead_letters (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer    text NOT NULL,
    message_id  text NOT NULL,
    payload     text NOT NULL,
    error       text NOT NULL,
    created_at  timestamptz NOT NULL,
    UNIQUE (consumer, message_id)
);
