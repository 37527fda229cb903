-- A letter can be put back into the outbox; when it fails again it is open again.
ALTER TABLE dead_letters
    ADD COLUMN topic        text,
    ADD COLUMN ordering_key text NOT NULL DEFAULT '',
    ADD COLUMN attempts     integer NOT NULL DEFAULT 1,
    ADD COLUMN retried_at   timestamptz;
UPDATE dead_letters
SET topic = CASE consumer WHEN 'submit_order' THEN 'orders-approved' ELSE 'snapshots-ingested' END;
ALTER TABLE dead_letters ALTER COLUMN topic SET NOT NULL;
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE retried_at IS NULL;
