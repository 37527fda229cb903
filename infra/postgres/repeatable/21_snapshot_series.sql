-- Lifecycle KPIs: what the day had come to at the end of each quarter of an hour of the UTC day, or
-- at `as_of` in the quarter that is running. Option KPIs: each ten minutes of the regular session
-- that hold snapshots. A figure that was not defined then has no point.
CREATE FUNCTION utils_statistics.daily_trade_series(report_date date, as_of timestamptz)
RETURNS TABLE (kpi_name text, ts timestamptz, value numeric, source text)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH grid AS (
        SELECT array_agg(t ORDER BY t) AS ts,
               array_agg(least(t + interval '15 minutes', as_of + interval '1 microsecond')
                         ORDER BY t) AS untils
        FROM (SELECT report_date::timestamp AT TIME ZONE 'UTC' AS midnight) AS day,
             generate_series(midnight, midnight + interval '23:45', interval '15 minutes') AS t
        WHERE t <= as_of
    )
    SELECT l.kpi_name, grid.ts[l.instant], l.value, 'real'
    FROM grid, utils_statistics.lifecycle_figures(report_date, grid.untils) AS l
    WHERE l.value IS NOT NULL
    UNION ALL
    SELECT o.kpi_name, o.bucket, o.value, 'real'
    FROM utils_statistics.reported_span(report_date, as_of) AS span,
         utils_statistics.option_figures(span.since, span.until, interval '10 minutes') AS o,
         market_sessions s
    WHERE o.kpi_name <> 'Fair Market Price' AND s.trading_day = report_date
      AND o.bucket >= s.opens_at AND o.bucket <= s.closes_at;
END;
