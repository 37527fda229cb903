-- KPI 26 at several instants: how many positions were open, whenever they were opened.
CREATE FUNCTION utils_statistics.portfolio_curve(untils timestamptz[])
RETURNS TABLE (instant integer, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH turns AS MATERIALIZED (
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
