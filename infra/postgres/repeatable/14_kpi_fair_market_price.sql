-- The mean fair price at several instants of a day, in ascending order: each contract counts with
-- its last snapshot before the instant, as long as that one has a fair price.
CREATE FUNCTION utils_statistics.fair_price_curve(since timestamptz, untils timestamptz[])
RETURNS TABLE (instant integer, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH last_known AS (
        SELECT DISTINCT ON (s.contract, width_bucket(v.known_at, untils))
               s.contract, width_bucket(v.known_at, untils) AS bucket, v.fair_price
        FROM option_valuations v
        CROSS JOIN LATERAL (  -- OFFSET keeps it one lookup for each valuation
            SELECT contract FROM option_snapshots WHERE id = v.snapshot_id OFFSET 0) AS s
        WHERE v.known_at >= since AND v.known_at < untils[array_upper(untils, 1)]
        ORDER BY s.contract, width_bucket(v.known_at, untils), v.known_at DESC, v.snapshot_id DESC
    ),
    changes AS MATERIALIZED (
        SELECT bucket,
               coalesce(fair_price, 0) - coalesce(lag(fair_price) OVER earlier, 0) AS price,
               num_nonnulls(fair_price) - num_nonnulls(lag(fair_price) OVER earlier) AS contracts
        FROM last_known
        WINDOW earlier AS (PARTITION BY contract ORDER BY bucket)
    )
    SELECT i.instant::integer, sum(c.price) / nullif(sum(c.contracts), 0)
    FROM generate_series(1, array_upper(untils, 1)) AS i (instant)
    JOIN (SELECT bucket, sum(price) AS price, sum(contracts) AS contracts
          FROM changes GROUP BY bucket) AS c ON c.bucket < i.instant
    GROUP BY i.instant;
END;
