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
    WITH tally AS MATERIALIZED (
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
