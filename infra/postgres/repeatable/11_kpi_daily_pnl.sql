-- The sum over all trades at several instants of a day, in ascending order: symbol by symbol,
-- because that needs one price per symbol and instant and not one per trade. What looks prices up is
-- MATERIALIZED: the planner takes few rows for one, and would look them up once more for each other.
CREATE FUNCTION utils_statistics.pnl_curve(since timestamptz, untils timestamptz[])
RETURNS TABLE (instant integer, pnl numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH instants AS (
        SELECT n::integer AS instant, until FROM unnest(untils) WITH ORDINALITY AS u (until, n)
    ),
    parts AS (
        SELECT symbol, asset_class, width_bucket(filled_at, untils) AS bucket,
               sum(units) AS units,
               coalesce(sum(units) FILTER (WHERE filled_at < since), 0) AS at_start,
               coalesce(sum(units * price) FILTER (WHERE filled_at >= since), 0) AS paid
        FROM utils_statistics.trade_changes(
            since, greatest(since, untils[array_upper(untils, 1)]))
        GROUP BY symbol, asset_class, bucket
    ),
    starts AS MATERIALIZED (
        SELECT p.symbol, p.asset_class,
               CASE WHEN sum(p.at_start) = 0 THEN 0 ELSE sum(p.at_start) * previous.price END
                   AS worth
        FROM parts p
        LEFT JOIN LATERAL utils_statistics.previous_close(p.symbol, p.asset_class, since)
            AS previous ON true
        GROUP BY p.symbol, p.asset_class, previous.price
    ),
    held AS MATERIALIZED (
        SELECT i.instant, i.until, p.symbol, p.asset_class,
               sum(p.units) AS units, sum(p.paid) AS paid
        FROM instants i JOIN parts p ON p.bucket < i.instant
        WHERE i.until > since
        GROUP BY i.instant, i.until, p.symbol, p.asset_class
    ),
    ends AS MATERIALIZED (
        SELECT h.instant, h.symbol, h.asset_class, h.paid,
               CASE WHEN h.units = 0 THEN 0 ELSE h.units * last.price END AS worth
        FROM held h
        LEFT JOIN LATERAL utils_statistics.last_price(h.symbol, h.asset_class, h.until) AS last
            ON h.units <> 0
    ),
    valued AS (
        SELECT e.instant, e.worth - s.worth - e.paid AS pnl
        FROM ends e JOIN starts s ON s.symbol = e.symbol AND s.asset_class = e.asset_class
    )
    SELECT i.instant, CASE WHEN count(v.instant) = count(v.pnl) THEN coalesce(sum(v.pnl), 0) END
    FROM instants i LEFT JOIN valued v ON v.instant = i.instant
    GROUP BY i.instant;
END;
