-- Messages stored in the transaction of the state change that they announce. A message keeps its id
-- however often it is published: its readers drop what they have seen.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   text NOT NULL DEFAULT CAST(gen_random_uuid() AS text),
    topic        text NOT NULL,
    ordering_key text NOT NULL,
    payload      jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    published_at timestamptz
);
-- The oldest of each topic, and what is old enough to be pruned: one descent each.
CREATE INDEX outbox_unpublished ON outbox (topic, id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
