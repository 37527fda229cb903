-- Messages stored in the transaction of the state change that they announce. A message keeps its id
-- however often it is published: its readers drop what they have seen.
--
-- The messages of one ordering key stand in one lane, and a lane of a topic has one relay at a time:
-- so that each key's order is kept, while several relays empty several lanes.
--
-- A payload is `json`, the text itself: it is read once, to be sent. As `jsonb` it would be taken apart
-- and put together again on its way in, on its way out, and to be measured.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   text NOT NULL DEFAULT CAST(gen_random_uuid() AS text),
    topic        text COLLATE "C" NOT NULL,
    ordering_key text COLLATE "C" NOT NULL,
    payload      json NOT NULL,
    created_at   timestamptz NOT NULL,
    published_at timestamptz,
    lane         integer NOT NULL GENERATED ALWAYS AS (hashtext(ordering_key) & 31) STORED
);
-- The oldest of each lane and of each key, and what is old enough to be pruned: one descent each.
CREATE INDEX outbox_unpublished ON outbox (topic, lane, id) WHERE published_at IS NULL;
CREATE INDEX outbox_unpublished_of_key ON outbox (ordering_key, topic, id)
    WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

-- As with what is pending (confirmations.status): how many wait to be published changes too quickly
-- for what was seen of it last to decide.
ALTER TABLE outbox ALTER COLUMN published_at SET STATISTICS 0;
