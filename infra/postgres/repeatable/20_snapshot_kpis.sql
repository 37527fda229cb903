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
        FROM utils_statistics.reported_span(report_date, as_of) AS span,
             utils_statistics.lifecycle_figures(report_date, ARRAY[span.until]) AS l
        UNION ALL
        SELECT o.kpi_name, o.value
        FROM utils_statistics.reported_span(report_date, as_of) AS span,
             utils_statistics.option_figures(span.since, span.until, interval '2 days') AS o
        WHERE o.kpi_name <> 'Fair Market Price'
    )
    SELECT c.kpi_name, utils_statistics.display(f.value, c.format), c.sort_order
    FROM utils_statistics.kpi_catalog() AS c LEFT JOIN figures f ON f.kpi_name = c.kpi_name;
END;
