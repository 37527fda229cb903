-- The audit of pushes, written before the post and completed after it: a process that dies in
-- between leaves `sending`, and the next push knows that the dashboard may hold that attempt.
ALTER TABLE snapshot_pushes DROP CONSTRAINT snapshot_pushes_result_check;
ALTER TABLE snapshot_pushes ADD CONSTRAINT snapshot_pushes_result_check CHECK (result IN (
    'sending',       -- the post is under way, or its process has died
    'unknown',       -- its process died: the dashboard may hold it
    'accepted',      -- the dashboard has it
    'unchanged',     -- the dashboard had the same already: nothing was sent
    'refused',       -- the dashboard said why it will not take it, and kept what it had
    'unreachable',   -- no answer, or only errors; the dashboard may hold a part of it
    'stored_in_d1'   -- the dashboard's API was unreachable: written to its database instead
));

-- The same content has the same hash, whenever it is built (the body also holds `updated_at`).
ALTER TABLE snapshot_pushes ADD COLUMN content_sha256 text NOT NULL DEFAULT '';
ALTER TABLE snapshot_pushes ALTER COLUMN content_sha256 DROP DEFAULT;

-- What was missing, and why: {"kpis": {"Delta": "no option …"}, "series": {…}, "extremes": {…}}
ALTER TABLE snapshot_pushes ALTER COLUMN missing TYPE jsonb
    USING jsonb_build_object('kpis', to_jsonb(missing));

DROP INDEX snapshot_pushes_accepted;
CREATE INDEX snapshot_pushes_of_a_day ON snapshot_pushes (report_date, updated_at DESC, id DESC);
