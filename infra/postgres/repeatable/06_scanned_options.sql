-- Scanned option contracts: those whose snapshots a day's option inputs stored.

-- Sample deviation of the daily log returns of 20 sessions that were over, annualised; NULL when
-- there are fewer. All closes are one feed's: feeds differ by their last prints. They are restated for
-- splits; NULL also where two neighbours lie so far apart that they cannot be on one basis.
CREATE FUNCTION utils_statistics.historical_volatility(of_symbol text, before timestamptz)
RETURNS numeric
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH closes AS (
        SELECT known.feed, s.as_of,
               utils_statistics.restated(
                   s.price, of_symbol, CAST(s.as_of AT TIME ZONE 'America/New_York' AS date),
                   CAST(before AT TIME ZONE 'America/New_York' AS date)) AS price
        FROM (VALUES ('iex'), ('sip'), ('delayed_sip')) AS known (feed)
        CROSS JOIN LATERAL (
            SELECT c.as_of, c.price FROM market_data_snapshots c
            WHERE c.symbol = of_symbol AND c.metric = 'daily_close'
              AND c.feed >= known.feed AND (c.feed, c.as_of) < (known.feed, before)
            ORDER BY c.feed DESC, c.as_of DESC LIMIT 21  -- as for spot_price
        ) AS s
    ),
    returns AS (
        SELECT feed, as_of, ln(ratio) AS r, abs(ratio - 1) AS change
        FROM (SELECT feed, as_of, price / lag(price) OVER (PARTITION BY feed ORDER BY as_of) AS ratio
              FROM closes) AS neighbours
    ),
    volatilities AS (
        SELECT feed, max(as_of) AS as_of, stddev_samp(r) * sqrt(252::numeric) AS volatility
        FROM returns GROUP BY feed HAVING count(r) = 20 AND max(change) < 0.3
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
    FROM option_valuations v
    -- OFFSET keeps it one lookup for each valuation: as a join, the planner now and then reads all
    -- the day's snapshots again for each.
    CROSS JOIN LATERAL (SELECT * FROM option_snapshots WHERE id = v.snapshot_id OFFSET 0) AS s
    WHERE v.known_at >= since AND v.known_at < until
    ORDER BY s.contract, date_bin(stride, v.known_at, since), v.known_at DESC, v.snapshot_id DESC;
END;
