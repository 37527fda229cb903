-- KPIs 9 and 10 at several instants. The drawdown is that of all the day's quarters of an hour; the
-- returns are the regular session's, each between two quarters that follow each other. An account
-- that sank to zero or below has no returns, and so no ratio of them.
CREATE FUNCTION utils_statistics.equity_figures(
    report_date date, since timestamptz, untils timestamptz[])
RETURNS TABLE (instant integer, kpi_name text, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH curve AS MATERIALIZED (
        SELECT quarter_hour, equity, width_bucket(read_at, untils) AS bucket,
               max(equity) OVER in_time AS peak,
               CASE WHEN lag(quarter_hour) OVER in_time = quarter_hour - interval '15 minutes'
                     AND lag(quarter_hour) OVER in_time >= s.opens_at AND quarter_hour <= s.closes_at
                    THEN equity / nullif(lag(equity) OVER in_time, 0) - 1 END AS return
        FROM account_equity LEFT JOIN market_sessions s ON s.trading_day = report_date
        WHERE quarter_hour >= since AND read_at >= since
          AND read_at < untils[array_upper(untils, 1)]
          AND quarter_hour < untils[array_upper(untils, 1)]
        WINDOW in_time AS (ORDER BY quarter_hour)
    )
    SELECT i.instant, figure.kpi_name, figure.value
    FROM generate_series(1, array_upper(untils, 1)) AS i (instant)
    CROSS JOIN LATERAL (
        SELECT max(1 - c.equity / nullif(greatest(c.peak, 0), 0)) AS drawdown,
               CASE WHEN min(c.equity) > 0
                    THEN avg(c.return) / nullif(stddev_samp(c.return), 0) * sqrt(26 * 252::numeric)
                    END AS sharpe
        FROM curve c WHERE c.bucket < i.instant
    ) AS so_far
    CROSS JOIN LATERAL (VALUES ('Max drawdown', so_far.drawdown), ('Sharpe ratio', so_far.sharpe))
        AS figure (kpi_name, value);
END;
