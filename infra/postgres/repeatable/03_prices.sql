CREATE FUNCTION utils_statistics.multiplier(asset_class text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT CASE asset_class WHEN 'us_option' THEN 100 ELSE 1 END;
END;

-- What a symbol is about: an option contract's underlying.
CREATE FUNCTION utils_statistics.underlying(of_symbol text, asset_class text) RETURNS text
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT CASE asset_class WHEN 'us_option'
           THEN (SELECT c.underlying FROM option_contracts c WHERE c.contract = of_symbol)
           ELSE of_symbol END;
END;

CREATE AGGREGATE utils_statistics.product(numeric) (
    SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1'
);

-- What a price from one day is multiplied by to read on the basis of another, later one; NULL where
-- it is on that basis already.
CREATE FUNCTION utils_statistics.basis_ratio(of_symbol text, known_on date, today date)
RETURNS numeric
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT CASE WHEN count(*) > 0 THEN utils_statistics.product(a.old_rate)
                                       / utils_statistics.product(a.new_rate) END
    FROM corporate_actions a
    WHERE a.symbol = of_symbol AND a.effect IN ('shares', 'price') AND a.applied_at IS NOT NULL
      AND a.ex_date > known_on AND a.ex_date <= today;
END;

-- A price that was known on one day, on the basis of another, later one.
CREATE FUNCTION utils_statistics.restated(price numeric, of_symbol text, known_on date, today date)
RETURNS numeric
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT coalesce(price * utils_statistics.basis_ratio(of_symbol, known_on, today), price);
END;

-- The newest price of a stock or crypto pair before an instant, from whichever feed has it: one
-- index descent per feed, whatever the length of history. The order by feed, too, leaves the planner
-- no other index: by symbol and instant it would read all history for a feed that says nothing.
CREATE FUNCTION utils_statistics.spot_price(of_symbol text, of_metric text, before timestamptz)
RETURNS TABLE (price numeric, known_on date)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT newest.price, CAST(newest.as_of AT TIME ZONE 'America/New_York' AS date)
    FROM (VALUES ('iex'), ('sip'), ('delayed_sip'), ('us')) AS known (feed)
    CROSS JOIN LATERAL (
        SELECT s.price, s.as_of FROM market_data_snapshots s
        WHERE s.symbol = of_symbol AND s.metric = of_metric
          AND s.feed >= known.feed AND (s.feed, s.as_of) < (known.feed, before)
        ORDER BY s.feed DESC, s.as_of DESC LIMIT 1
    ) AS newest
    ORDER BY newest.as_of DESC LIMIT 1;
END;

-- The newest price and quote of an option contract before an instant, and not older than a week. Its
-- price is its last trade, and the middle of the quote as long as there is none; a snapshot that
-- says neither is passed over.
CREATE FUNCTION utils_statistics.option_price(of_contract text, before timestamptz)
RETURNS TABLE (price numeric, bid numeric, ask numeric, as_of timestamptz)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT coalesce(newest.last_trade, (newest.bid + newest.ask) / 2),
           newest.bid, newest.ask, newest.as_of
    FROM (VALUES ('indicative'), ('opra')) AS known (feed)
    CROSS JOIN LATERAL (
        SELECT s.last_trade, s.bid, s.ask, s.as_of FROM option_snapshots s
        WHERE s.contract = of_contract AND s.feed = known.feed
          AND s.as_of < before AND s.as_of >= before - interval '7 days'
          AND (s.last_trade IS NOT NULL OR s.bid > 0 AND s.ask > 0)
        ORDER BY s.as_of DESC LIMIT 1
    ) AS newest
    ORDER BY newest.as_of DESC LIMIT 1;
END;

CREATE FUNCTION utils_statistics.last_price(of_symbol text, asset_class text, before timestamptz)
RETURNS TABLE (price numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT utils_statistics.restated(
               spot.price, of_symbol, spot.known_on,
               CAST((before - interval '1 microsecond') AT TIME ZONE 'America/New_York' AS date))
    FROM utils_statistics.spot_price(of_symbol, 'last_trade', before) AS spot
    WHERE asset_class <> 'us_option'
    UNION ALL
    SELECT option.price FROM utils_statistics.option_price(of_symbol, before) AS option
    WHERE asset_class = 'us_option';
END;

-- An option's previous close is its last price of an earlier day: the broker sends no other.
CREATE FUNCTION utils_statistics.previous_close(of_symbol text, asset_class text, day timestamptz)
RETURNS TABLE (price numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT utils_statistics.restated(spot.price, of_symbol, spot.known_on,
                                     CAST(day AT TIME ZONE 'America/New_York' AS date))
    FROM utils_statistics.spot_price(of_symbol, 'prev_close', day) AS spot
    WHERE asset_class <> 'us_option'
    UNION ALL
    SELECT option.price FROM utils_statistics.option_price(of_symbol, day) AS option
    WHERE asset_class = 'us_option';
END;
