-- The daily KPI snapshot. Every figure is defined once, in a function of one report date and the
-- instant up to which it is told; the materialized views hold those functions' rows for the dates in
-- `report_days`, so that the cost of a refresh follows the number of those dates and not the length
-- of history. The instant is an argument: SQL never asks for the time. Function bodies are bound
-- when they are created (BEGIN ATOMIC): a refresh runs with an empty search path.
CREATE SCHEMA utils_statistics;

-- `requested_at` is the instant as of which the day is told: a running day goes up to it.
CREATE TABLE utils_statistics.report_days (
    report_date  date PRIMARY KEY,
    requested_at timestamptz NOT NULL
);

-- A trading day is a calendar day in New York, 23 or 25 hours long when the clocks change.
CREATE FUNCTION utils_statistics.trading_day(report_date date) RETURNS tstzrange
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT tstzrange(report_date::timestamp AT TIME ZONE 'America/New_York',
                     (report_date + 1)::timestamp AT TIME ZONE 'America/New_York', '[)');
END;

-- The part of a trading day that is told as of an instant, itself included: [since, until), empty
-- as long as the day has not begun.
CREATE FUNCTION utils_statistics.told_span(report_date date, as_of timestamptz)
RETURNS TABLE (since timestamptz, until timestamptz)
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT lower(day), greatest(lower(day), least(upper(day), as_of + interval '1 microsecond'))
    FROM utils_statistics.trading_day(report_date) AS day;
END;

-- Every push of a snapshot, for the record and so that an older one never overwrites a newer one.
CREATE TABLE snapshot_pushes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_date date NOT NULL,
    updated_at  timestamptz NOT NULL,
    body_sha256 text NOT NULL,
    body_bytes  integer NOT NULL,
    result      text NOT NULL CHECK (result IN ('accepted', 'refused', 'unreachable')),
    request_id  text,
    error       text,
    missing     text[] NOT NULL
);
CREATE INDEX snapshot_pushes_accepted ON snapshot_pushes (report_date, updated_at DESC)
    WHERE result = 'accepted';
