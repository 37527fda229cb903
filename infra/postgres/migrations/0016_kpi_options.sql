-- The figures of scanned option contracts: those whose snapshots a day's option inputs stored.

-- Sample deviation of the daily log returns of 20 sessions that were over, annualised; NULL when
-- there are fewer. All closes are one feed's: feeds differ by their last prints.
CREATE FUNCTION utils_statistics.historical_volatility(of_symbol text, before timestamptz)
RETURNS numeric
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH closes AS (
        SELECT known.feed, s.as_of, s.price
        FROM (VALUES ('iex'), ('sip'), ('delayed_sip')) AS known (feed)
        CROSS JOIN LATERAL (
            SELECT c.as_of, c.price FROM market_data_snapshots c
            WHERE c.symbol = of_symbol AND c.metric = 'daily_close' AND c.feed = known.feed
              AND c.as_of < before
            ORDER BY c.as_of DESC LIMIT 21
        ) AS s
    ),
    returns AS (
        SELECT feed, as_of, ln(price / lag(price) OVER (PARTITION BY feed ORDER BY as_of)) AS r
        FROM closes
    ),
    volatilities AS (
        SELECT feed, max(as_of) AS as_of, stddev_samp(r) * sqrt(252::numeric) AS volatility
        FROM returns GROUP BY feed HAVING count(r) = 20
    )
    SELECT volatility FROM volatilities ORDER BY as_of DESC, feed LIMIT 1;
END;

-- The last valued snapshot of each contract in each bucket of a span, which begins with the first
-- bucket; what the broker did not give is the pricing library's.
CREATE FUNCTION utils_statistics.scanned_options(
    since timestamptz, until timestamptz, stride interval)
RETURNS TABLE (
    bucket timestamptz, contract text, underlying text, type text, strike numeric, expiry date,
    underlying_price numeric, day_volume numeric, open_interest bigint, years numeric,
    implied_volatility numeric, delta numeric, gamma numeric, theta numeric, vega numeric,
    rho numeric, historical_volatility numeric, fair_price numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT DISTINCT ON (s.contract, date_bin(stride, v.known_at, since))
           date_bin(stride, v.known_at, since),
           s.contract, s.underlying, s.type, s.strike, s.expiry, s.underlying_price, s.day_volume,
           s.open_interest,
           (s.expiry - (since AT TIME ZONE 'America/New_York')::date) / 365.25,
           coalesce(s.implied_volatility, v.implied_volatility),
           coalesce(s.delta, v.delta), coalesce(s.gamma, v.gamma), coalesce(s.theta, v.theta),
           coalesce(s.vega, v.vega), coalesce(s.rho, v.rho),
           v.historical_volatility, v.fair_price
    FROM option_valuations v JOIN option_snapshots s ON s.id = v.snapshot_id
    WHERE v.known_at >= since AND v.known_at < until
      AND s.created_at >= since AND s.created_at < until  -- the same instant: bounds this side, too
    ORDER BY s.contract, date_bin(stride, v.known_at, since), v.known_at DESC, v.snapshot_id DESC;
END;

-- What each contract, and each pair of a call and its put, says of each KPI. A pair goes by the name
-- of its call; pairs whose put has no volume or no open interest have no such ratio.
CREATE FUNCTION utils_statistics.option_items(
    since timestamptz, until timestamptz, stride interval)
RETURNS TABLE (bucket timestamptz, contract text, kpi_name text, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH scanned AS MATERIALIZED (
        SELECT * FROM utils_statistics.scanned_options(since, until, stride)
    ),
    sides AS (
        -- Adjusted contracts have a root of their own, and so pairs of their own.
        SELECT bucket, max(contract) FILTER (WHERE type = 'call') AS contract,
               max(implied_volatility) FILTER (WHERE type = 'call') AS call_iv,
               max(implied_volatility) FILTER (WHERE type = 'put') AS put_iv,
               sum(theta) AS theta, count(theta) AS thetas,
               sum(gamma) AS gamma, count(gamma) AS gammas,
               max(day_volume) FILTER (WHERE type = 'call') AS call_volume,
               max(day_volume) FILTER (WHERE type = 'put') AS put_volume,
               max(open_interest) FILTER (WHERE type = 'call')::numeric AS call_interest,
               max(open_interest) FILTER (WHERE type = 'put') AS put_interest
        FROM scanned
        GROUP BY bucket, underlying, expiry, strike, left(contract, -15)
        HAVING count(*) = 2
    ),
    pairs AS (
        SELECT bucket, contract, put_iv - call_iv AS skew,
               CASE WHEN thetas = 2 THEN abs(theta) END AS decay,
               CASE WHEN gammas = 2 THEN gamma END AS exposure,
               call_volume / nullif(put_volume, 0) AS volume_ratio,
               call_interest / nullif(put_interest, 0) AS oi_ratio
        FROM sides
    )
    SELECT s.bucket, s.contract, item.kpi_name, item.value
    FROM scanned s
    CROSS JOIN LATERAL (VALUES
        ('Delta', s.delta), ('Gamma', s.gamma), ('Theta', s.theta), ('Vega', s.vega),
        ('Rho', s.rho),
        ('Historical Volatility', s.historical_volatility),
        ('Uncertainty', s.underlying_price * s.implied_volatility * sqrt(greatest(s.years, 0))),
        ('Fair Market Price', s.fair_price),
        ('Decay Weight', 1 / nullif(s.historical_volatility, 0))
    ) AS item (kpi_name, value)
    WHERE item.value IS NOT NULL
    UNION ALL
    SELECT p.bucket, p.contract, item.kpi_name, item.value
    FROM pairs p
    CROSS JOIN LATERAL (VALUES
        ('IV Skew', p.skew), ('Decay Rate', p.decay), ('Gamma Exposure', p.exposure),
        ('Volume Ratio', p.volume_ratio), ('OI Ratio', p.oi_ratio),
        ('Liquidity Ratios', (p.volume_ratio + p.oi_ratio) / 2)
    ) AS item (kpi_name, value)
    WHERE item.value IS NOT NULL;
END;

-- The mean over contracts, bucket by bucket. Liquidity Ratios is the middle of the two means, so
-- that it stays their middle where a put has a volume and no open interest, or the other way round.
CREATE FUNCTION utils_statistics.option_figures(
    since timestamptz, until timestamptz, stride interval)
RETURNS TABLE (bucket timestamptz, kpi_name text, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH means AS (
        SELECT bucket, kpi_name, avg(value) AS value
        FROM utils_statistics.option_items(since, until, stride)
        WHERE kpi_name <> 'Liquidity Ratios'
        GROUP BY bucket, kpi_name
    )
    SELECT bucket, kpi_name, value FROM means
    UNION ALL
    SELECT bucket, 'Liquidity Ratios', sum(value) / 2 FROM means
    WHERE kpi_name IN ('Volume Ratio', 'OI Ratio')
    GROUP BY bucket HAVING count(*) = 2;
END;

-- The mean fair price at several instants of a day, in ascending order: each contract counts with
-- its last snapshot before the instant, as long as that one has a fair price.
CREATE FUNCTION utils_statistics.fair_price_curve(since timestamptz, untils timestamptz[])
RETURNS TABLE (instant integer, value numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH last_known AS (
        SELECT DISTINCT ON (s.contract, width_bucket(v.known_at, untils))
               s.contract, width_bucket(v.known_at, untils) AS bucket, v.fair_price
        FROM option_valuations v JOIN option_snapshots s ON s.id = v.snapshot_id
        WHERE v.known_at >= since AND v.known_at < untils[array_upper(untils, 1)]
          AND s.created_at >= since AND s.created_at < untils[array_upper(untils, 1)]
        ORDER BY s.contract, width_bucket(v.known_at, untils), v.known_at DESC, v.snapshot_id DESC
    ),
    changes AS (
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
