-- The 26 figures, in the dashboard's order, and their series.

-- How each is written: `count` with thousands commas, `whole` without.
CREATE FUNCTION utils_statistics.kpi_catalog()
RETURNS TABLE (sort_order integer, kpi_name text, format text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    VALUES (1, 'Signals scanned', 'count'), (2, 'Opportunities flagged', 'count'),
           (3, 'Notifications sent', 'count'), (4, 'Entries opened', 'count'),
           (5, 'Exits closed', 'count'), (6, 'Avg hold time', 'seconds'),
           (7, 'Daily PnL', 'dollars'), (8, 'Win rate', 'percent'), (9, 'Max drawdown', 'percent'),
           (10, 'Sharpe ratio', '2 places'), (11, 'Delta', '4 places'), (12, 'Gamma', '6 places'),
           (13, 'Theta', '4 places'), (14, 'Vega', '4 places'), (15, 'Rho', '4 places'),
           (16, 'Historical Volatility', '4 places'), (17, 'Uncertainty', '4 places'),
           (18, 'Fair Market Price', 'dollars'), (19, 'IV Skew', '4 places'),
           (20, 'Decay Rate', '6 places'), (21, 'Gamma Exposure', '6 places'),
           (22, 'Volume Ratio', '4 places'), (23, 'OI Ratio', '4 places'),
           (24, 'Liquidity Ratios', '4 places'), (25, 'Decay Weight', '4 places'),
           (26, 'Portfolio', 'whole');
END;

-- A figure as it is displayed; one without a value is a dash.
CREATE FUNCTION utils_statistics.display(value numeric, format text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT coalesce(CASE format
        WHEN 'count' THEN to_char(value, 'FM999,999,999,999,990')
        WHEN 'whole' THEN round(value)::text
        WHEN 'seconds' THEN round(value) || 's'
        WHEN 'dollars' THEN CASE WHEN round(value, 2) < 0 THEN '-' ELSE '' END
                            || '$' || to_char(abs(round(value, 2)), 'FM999,999,999,999,990.00')
        WHEN 'percent' THEN round(100 * value, 2) || '%'
        WHEN '2 places' THEN round(value, 2)::text
        WHEN '4 places' THEN round(value, 4)::text
        WHEN '6 places' THEN round(value, 6)::text
    END, '—');
END;

-- What happened in a span, each event under the KPI that counts it; a closed position with its life
-- in seconds and whether it won.
CREATE FUNCTION utils_statistics.daily_events(since timestamptz, until timestamptz)
RETURNS TABLE (kpi_name text, at timestamptz, seconds numeric, won integer)
LANGUAGE sql STABLE BEGIN ATOMIC
    -- What is new that day; the history of earlier days is no signal of this one.
    SELECT 'Signals scanned', created_at, NULL::numeric, NULL::integer FROM market_data_snapshots
    WHERE created_at >= since AND created_at < until AND metric <> 'daily_close'
    UNION ALL
    SELECT 'Signals scanned', created_at, NULL, NULL FROM option_snapshots
    WHERE created_at >= since AND created_at < until
    UNION ALL
    SELECT 'Opportunities flagged', fired_at, NULL, NULL FROM opportunities
    WHERE fired_at >= since AND fired_at < until
    UNION ALL
    SELECT 'Notifications sent', asked_at, NULL, NULL FROM confirmations
    WHERE asked_at >= since AND asked_at < until
    UNION ALL
    SELECT 'Entries opened', opened_at, NULL, NULL FROM trades
    WHERE opened_at >= since AND opened_at < until
    UNION ALL
    SELECT 'Exits closed', closed_at, extract(epoch FROM closed_at - opened_at),
           (realized_pnl > 0)::integer
    FROM trades
    WHERE closed_at >= since AND closed_at < until;
END;

-- KPIs 1 to 6 and 8 at several instants of a day, in ascending order: what had happened by then.
CREATE FUNCTION utils_statistics.event_figures(since timestamptz, untils timestamptz[])
RETURNS TABLE (instant integer, kpi_name text, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH tally AS (
        SELECT e.kpi_name, width_bucket(e.at, untils) AS bucket, count(*) AS events,
               sum(e.seconds) AS seconds, sum(e.won) AS won
        FROM utils_statistics.daily_events(since, untils[array_upper(untils, 1)]) AS e
        GROUP BY e.kpi_name, bucket
    ),
    counted AS (
        SELECT i.instant, c.kpi_name, coalesce(sum(t.events), 0) AS events,
               sum(t.seconds) AS seconds, sum(t.won) AS won
        FROM generate_series(1, array_upper(untils, 1)) AS i (instant)
        CROSS JOIN utils_statistics.kpi_catalog() AS c
        LEFT JOIN tally t ON t.kpi_name = c.kpi_name AND t.bucket < i.instant
        WHERE c.sort_order <= 5
        GROUP BY i.instant, c.kpi_name
    )
    SELECT instant, kpi_name, events FROM counted
    UNION ALL
    SELECT instant, 'Avg hold time', seconds / nullif(events, 0) FROM counted
    WHERE kpi_name = 'Exits closed'
    UNION ALL
    SELECT instant, 'Win rate', won / nullif(events, 0) FROM counted
    WHERE kpi_name = 'Exits closed';
END;

-- KPIs 9 and 10 at several instants. The drawdown is that of all the day's quarters of an hour; the
-- returns are the regular session's, each between two quarters that follow each other.
CREATE FUNCTION utils_statistics.equity_figures(
    report_date date, since timestamptz, untils timestamptz[])
RETURNS TABLE (instant integer, kpi_name text, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH curve AS (
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
               avg(c.return) / nullif(stddev_samp(c.return), 0) * sqrt(26 * 252::numeric) AS sharpe
        FROM curve c WHERE c.bucket < i.instant
    ) AS told
    CROSS JOIN LATERAL (VALUES ('Max drawdown', told.drawdown), ('Sharpe ratio', told.sharpe))
        AS figure (kpi_name, value);
END;

-- KPI 26 at several instants: how many positions were open, whenever they were opened.
CREATE FUNCTION utils_statistics.portfolio_curve(untils timestamptz[])
RETURNS TABLE (instant integer, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH turns AS (
        SELECT width_bucket(turn.at, untils) AS bucket, sum(turn.step) AS step
        FROM trades t
        CROSS JOIN LATERAL (VALUES (t.opened_at, 1), (t.closed_at, -1)) AS turn (at, step)
        WHERE tstzrange(t.opened_at, t.closed_at, '[]')
              && tstzrange(untils[1], untils[array_upper(untils, 1)], '[]')
          AND turn.at IS NOT NULL
        GROUP BY bucket
    )
    SELECT i.instant, coalesce(sum(t.step), 0)
    FROM generate_series(1, array_upper(untils, 1)) AS i (instant)
    LEFT JOIN turns t ON t.bucket < i.instant
    GROUP BY i.instant;
END;

-- KPIs 1 to 10, 18 and 26 at several instants of a day, in ascending order.
CREATE FUNCTION utils_statistics.lifecycle_figures(report_date date, untils timestamptz[])
RETURNS TABLE (instant integer, kpi_name text, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT figure.instant, figure.kpi_name, figure.value
    FROM (SELECT lower(utils_statistics.trading_day(report_date)) AS since) AS day
    CROSS JOIN LATERAL (
        SELECT e.* FROM utils_statistics.event_figures(day.since, untils) AS e
        UNION ALL
        SELECT p.instant, 'Daily PnL', p.pnl
        FROM utils_statistics.pnl_curve(day.since, untils) AS p
        UNION ALL
        SELECT q.* FROM utils_statistics.equity_figures(report_date, day.since, untils) AS q
        UNION ALL
        SELECT f.instant, 'Fair Market Price', f.value
        FROM utils_statistics.fair_price_curve(day.since, untils) AS f
        UNION ALL
        SELECT o.instant, 'Portfolio', o.value
        FROM utils_statistics.portfolio_curve(untils) AS o
    ) AS figure;
END;

-- A count without events is 0; a figure without input is a dash.
CREATE FUNCTION utils_statistics.daily_trade_kpis(report_date date, as_of timestamptz)
RETURNS TABLE (kpi_name text, display_value text, sort_order integer)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH figures AS (
        SELECT l.kpi_name, l.value
        FROM utils_statistics.told_span(report_date, as_of) AS told,
             utils_statistics.lifecycle_figures(report_date, ARRAY[told.until]) AS l
        UNION ALL
        SELECT o.kpi_name, o.value
        FROM utils_statistics.told_span(report_date, as_of) AS told,
             utils_statistics.option_figures(told.since, told.until, interval '2 days') AS o
        WHERE o.kpi_name <> 'Fair Market Price'
    )
    SELECT c.kpi_name, utils_statistics.display(f.value, c.format), c.sort_order
    FROM utils_statistics.kpi_catalog() AS c LEFT JOIN figures f ON f.kpi_name = c.kpi_name;
END;

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
    FROM utils_statistics.told_span(report_date, as_of) AS told,
         utils_statistics.option_figures(told.since, told.until, interval '10 minutes') AS o,
         market_sessions s
    WHERE o.kpi_name <> 'Fair Market Price' AND s.trading_day = report_date
      AND o.bucket >= s.opens_at AND o.bucket <= s.closes_at;
END;
