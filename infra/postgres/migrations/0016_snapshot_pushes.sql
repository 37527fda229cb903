-- Every push of a snapshot that was asked for, for the record and so that an older one never
-- overwrites a newer one. What is sent is written before the post and completed after it: a process
-- that dies in between leaves `sending`, and the next push knows that the dashboard may hold that
-- attempt.
CREATE TABLE snapshot_pushes (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_date    date NOT NULL,
    updated_at     timestamptz NOT NULL,
    -- The same content has the same hash, whenever it is built; the body also holds `updated_at`.
    content_sha256 text,
    body_sha256    text,
    body_bytes     integer,
    result         text NOT NULL CHECK (result IN (
        'sending',       -- the post is under way, or its process has died
        'unknown',       -- its process died: the dashboard may hold it
        'accepted',      -- the dashboard has it
        'unchanged',     -- the dashboard had the same already: nothing was sent
        'superseded',    -- a newer one had been sent: nothing was sent
        'already_running', -- another push was under way: nothing was sent
        'skipped',       -- the exchange stays closed that day: nothing was sent
        'failed',        -- it could not be built, or a setting is missing: nothing was sent
        'refused',       -- the dashboard refused it, and kept what it had; or it is too large
        'unreachable',   -- no answer, or only errors; the dashboard may hold a part of it
        'stored_in_d1'   -- the dashboard's API was unreachable: written to its database instead
    )),
    request_id     text,
    error          text,
    -- What was missing, and why: {"kpis": {"Delta": "no option …"}, "series": {…}, "extremes": {…}}
    missing        jsonb,
    CONSTRAINT snapshot_pushes_name_what_was_sent CHECK (
        num_nulls(content_sha256, body_sha256, body_bytes, missing) = 0
        OR result IN ('refused', 'failed', 'already_running', 'skipped'))
);
CREATE INDEX snapshot_pushes_of_a_day ON snapshot_pushes (report_date, updated_at DESC, id DESC);
