-- KPI 26 at several instants: how many positions were open, whenever they were opened.
CREATE FUNCTION utils_statistics.portfolio_curve(untils timestamptz[])
RETURNS TABLE (instant integer, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH changes AS MATERIALIZED (
        SELECT width_bucket(change.at, untils) AS bucket, sum(change.difference) AS difference
        FROM trades t
        CROSS JOIN LATERAL (VALUES (t.opened_at, 1), (t.closed_at, -1)) AS change (at, difference)
        WHERE tstzrange(t.opened_at, t.closed_at, '[]')
              && tstzrange(untils[1], untils[array_upper(untils, 1)], '[]')
          AND change.at IS NOT NULL
        GROUP BY bucket
    )
    SELECT i.instant, coalesce(sum(c.difference), 0)
    FROM generate_series(1, array_upper(untils, 1)) AS i (instant)
    LEFT JOIN changes c ON c.bucket < i.instant
    GROUP BY i.instant;
END;
