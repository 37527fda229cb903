-- The daily KPI snapshot. Every figure is defined once, in a function of one report date; the
-- materialized views hold that function's rows for the dates in `report_days`, so that the cost of
-- a refresh follows the number of those dates and not the length of history. Function bodies are
-- bound when they are created (BEGIN ATOMIC): a refresh runs with an empty search path.
CREATE SCHEMA utils_statistics;

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

-- Signed US dollars: -$1,457.99
CREATE FUNCTION utils_statistics.as_dollars(amount numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT CASE WHEN round(amount, 2) < 0 THEN '-' ELSE '' END
           || '$' || to_char(abs(round(amount, 2)), 'FM999,999,999,999,990.00');
END;

CREATE FUNCTION utils_statistics.as_count(amount bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT to_char(amount, 'FM999,999,999,999,990');
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
