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
