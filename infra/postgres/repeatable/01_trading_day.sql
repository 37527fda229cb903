-- A trading day is a calendar day in New York, 23 or 25 hours long when the clocks change.
CREATE FUNCTION utils_statistics.trading_day(report_date date) RETURNS tstzrange
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT tstzrange(report_date::timestamp AT TIME ZONE 'America/New_York',
                     (report_date + 1)::timestamp AT TIME ZONE 'America/New_York', '[)');
END;

-- The part of a trading day that is reported as of an instant, itself included: [since, until), empty
-- as long as the day has not begun.
CREATE FUNCTION utils_statistics.reported_span(report_date date, as_of timestamptz)
RETURNS TABLE (since timestamptz, until timestamptz)
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT lower(day), greatest(lower(day), least(upper(day), as_of + interval '1 microsecond'))
    FROM utils_statistics.trading_day(report_date) AS day;
END;
