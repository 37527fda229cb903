-- A message keeps its id however often it is published: its readers drop what they have seen.
ALTER TABLE outbox ADD COLUMN message_id text NOT NULL DEFAULT CAST(gen_random_uuid() AS text);

-- The oldest of each topic, and what is old enough to be pruned: one descent each.
DROP INDEX outbox_unpublished;
CREATE INDEX outbox_unpublished ON outbox (topic, id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
