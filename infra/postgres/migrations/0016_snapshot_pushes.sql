-- Every push of a snapshot, for the record and so that an older one never overwrites a newer one. It
-- is written before the post and completed after it: a process that dies in between leaves `sending`,
-- and the next push knows that the dashboard may hold that attempt.
CREATE TABLE snapshot_pushes (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_date    date NOT NULL,
    updated_at     timestamptz NOT NULL,
    -- The same content has the same hash, whenever it is built; the body also holds `updated_at`.
    content_sha256 text NOT NULL,
    body_sha256    text NOT NULL,
    body_bytes     integer NOT NULL,
    result         text NOT NULL CHECK (result IN (
        'sending',       -- the post is under way, or its process has died
        'unknown',       -- its process died: the dashboard may hold it
        'accepted',      -- the dashboard has it
        'unchanged',     -- the dashboard had the same already: nothing was sent
        'refused',       -- the dashboard refused it, and kept what it had
        'unreachable',   -- no answer, or only errors; the dashboard may hold a part of it
        'stored_in_d1'   -- the dashboard's API was unreachable: written to its database instead
    )),
    request_id     text,
    error          text,
    -- What was missing, and why: {"kpis": {"Delta": "no option …"}, "series": {…}, "extremes": {…}}
    missing        jsonb NOT NULL
);
CREATE INDEX snapshot_pushes_of_a_day ON snapshot_pushes (report_date, updated_at DESC, id DESC);
