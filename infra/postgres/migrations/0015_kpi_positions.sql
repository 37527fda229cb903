-- What positions are worth and what a day made of them. A trade's `units` are its quantity times
-- the contract multiplier, below zero when short.

CREATE FUNCTION utils_statistics.multiplier(asset_class text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT CASE asset_class WHEN 'us_option' THEN 100 ELSE 1 END;
END;

CREATE AGGREGATE utils_statistics.product(numeric) (
    SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1'
);

-- A price that was known on one day, as it reads on another: on the basis of the later one.
CREATE FUNCTION utils_statistics.restated(price numeric, of_symbol text, known_on date, today date)
RETURNS numeric
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT CASE WHEN count(*) = 0 THEN restated.price
                ELSE restated.price * utils_statistics.product(a.old_rate)
                     / utils_statistics.product(a.new_rate) END
    FROM corporate_actions a
    WHERE a.symbol = of_symbol AND a.effect = 'shares' AND a.applied_at IS NOT NULL
      AND a.ex_date > known_on AND a.ex_date <= today;
END;

-- What a symbol is about: an option contract's underlying.
CREATE FUNCTION utils_statistics.underlying(of_symbol text, asset_class text) RETURNS text
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT CASE asset_class WHEN 'us_option'
           THEN (SELECT c.underlying FROM option_contracts c WHERE c.contract = of_symbol)
           ELSE of_symbol END;
END;

-- The newest price of a stock or crypto pair before an instant, from whichever feed has it: one
-- index descent per feed, whatever the length of history.
CREATE FUNCTION utils_statistics.spot_price(of_symbol text, of_metric text, before timestamptz)
RETURNS TABLE (price numeric, known_on date)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT newest.price, CAST(newest.as_of AT TIME ZONE 'America/New_York' AS date)
    FROM (VALUES ('iex'), ('sip'), ('delayed_sip'), ('us')) AS known (feed)
    CROSS JOIN LATERAL (
        SELECT s.price, s.as_of FROM market_data_snapshots s
        WHERE s.symbol = of_symbol AND s.metric = of_metric AND s.feed = known.feed
          AND s.as_of < before
        ORDER BY s.as_of DESC LIMIT 1
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

-- Every part of an execution that belongs to a trade that was open at some time of a span, and every
-- adjustment of one. A restatement takes the old shares away and brings the new ones at the same cost;
-- at the midnight with which a span begins it lies before the span.
CREATE FUNCTION utils_statistics.trade_parts(
    since timestamptz, until timestamptz, of_user text DEFAULT NULL)
RETURNS TABLE (trade_id integer, symbol text, asset_class text, units numeric, price numeric,
               filled_at timestamptz, fill_id bigint)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH alive AS NOT MATERIALIZED (
        SELECT t.id, t.symbol, t.asset_class,
               utils_statistics.multiplier(t.asset_class) AS multiplier
        FROM trades t
        WHERE tstzrange(t.opened_at, t.closed_at, '[]') && tstzrange(since, until, '[]')
          AND (of_user IS NULL OR t.firebase_uid = of_user)
    )
    SELECT t.id, t.symbol, t.asset_class, a.qty * t.multiplier, f.price, f.filled_at, f.id
    FROM alive t
    JOIN trade_fills a ON a.trade_id = t.id
    JOIN fills f ON f.id = a.fill_id
    WHERE f.filled_at < until
    UNION ALL
    SELECT t.id, t.symbol, t.asset_class, part.qty * t.multiplier, part.price,
           CASE WHEN p.is_restatement AND p.effective_at = since
                THEN p.effective_at - interval '1 microsecond' ELSE p.effective_at END,
           part.number
    FROM alive t
    JOIN position_adjustments p ON p.trade_id = t.id
    CROSS JOIN LATERAL (
        SELECT -p.qty_before, p.entry_before, 2 * p.id WHERE p.is_restatement
        UNION ALL
        SELECT p.qty_after, p.entry_after, 2 * p.id + 1 WHERE p.is_restatement
        UNION ALL
        SELECT p.qty_after - p.qty_before, p.price, 2 * p.id WHERE NOT p.is_restatement
    ) AS part (qty, price, number)
    WHERE p.effective_at < until;
END;

-- Realized so far that day + change of unrealized since the previous close, for each trade:
--   units at the end × last price − units at the start × previous close − what the day's fills cost.
-- NULL when a price that it needs is not known.
CREATE FUNCTION utils_statistics.trade_pnl(
    since timestamptz, until timestamptz, of_user text DEFAULT NULL)
RETURNS TABLE (trade_id integer, symbol text, pnl numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH held AS (
        SELECT part.trade_id, part.symbol, part.asset_class,
               sum(part.units) AS units,
               coalesce(sum(part.units) FILTER (WHERE part.filled_at < since), 0) AS at_start,
               coalesce(sum(part.units * part.price) FILTER (WHERE part.filled_at >= since), 0)
                   AS paid
        FROM utils_statistics.trade_parts(since, until, of_user) AS part
        GROUP BY part.trade_id, part.symbol, part.asset_class
    )
    SELECT held.trade_id, held.symbol,
           CASE WHEN units = 0 THEN 0 ELSE units * last.price END
         - CASE WHEN at_start = 0 THEN 0 ELSE at_start * previous.price END
         - paid
    FROM held
    LEFT JOIN LATERAL utils_statistics.last_price(held.symbol, held.asset_class, until) AS last
        ON units <> 0
    LEFT JOIN LATERAL utils_statistics.previous_close(held.symbol, held.asset_class, since)
        AS previous ON at_start <> 0;
END;

-- The whole day's, also of one user alone.
CREATE FUNCTION utils_statistics.daily_trade_pnl(report_date date, of_user text DEFAULT NULL)
RETURNS TABLE (trade_id integer, pnl numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT each.trade_id, each.pnl
    FROM utils_statistics.trading_day(report_date) AS day,
         utils_statistics.trade_pnl(lower(day), upper(day), of_user) AS each;
END;

-- The sum over all trades at several instants of a day, in ascending order: symbol by symbol,
-- because that needs one price per symbol and instant and not one per trade.
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
        FROM utils_statistics.trade_parts(
            since, greatest(since, untils[array_upper(untils, 1)]))
        GROUP BY symbol, asset_class, bucket
    ),
    starts AS (
        SELECT p.symbol, p.asset_class,
               CASE WHEN sum(p.at_start) = 0 THEN 0 ELSE sum(p.at_start) * previous.price END
                   AS worth
        FROM parts p
        LEFT JOIN LATERAL utils_statistics.previous_close(p.symbol, p.asset_class, since)
            AS previous ON true
        GROUP BY p.symbol, p.asset_class, previous.price
    ),
    held AS (
        SELECT i.instant, i.until, p.symbol, p.asset_class,
               sum(p.units) AS units, sum(p.paid) AS paid
        FROM instants i JOIN parts p ON p.bucket < i.instant
        WHERE i.until > since
        GROUP BY i.instant, i.until, p.symbol, p.asset_class
    ),
    valued AS (
        SELECT h.instant,
               CASE WHEN h.units = 0 THEN 0 ELSE h.units * last.price END - s.worth - h.paid AS pnl
        FROM held h
        JOIN starts s ON s.symbol = h.symbol AND s.asset_class = h.asset_class
        LEFT JOIN LATERAL utils_statistics.last_price(h.symbol, h.asset_class, h.until) AS last
            ON h.units <> 0
    )
    SELECT i.instant, CASE WHEN count(v.instant) = count(v.pnl) THEN coalesce(sum(v.pnl), 0) END
    FROM instants i LEFT JOIN valued v ON v.instant = i.instant
    GROUP BY i.instant;
END;

-- The average price at which what is held was entered: adding moves it, reducing does not.
CREATE FUNCTION utils_statistics.enter(held numeric[], units numeric, price numeric)
RETURNS numeric[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT CASE WHEN held[1] * units >= 0
                THEN ARRAY[held[1] + units, held[2] + units * price]
                ELSE ARRAY[held[1] + units, held[2] * (held[1] + units) / held[1]] END;
END;
CREATE AGGREGATE utils_statistics.cost_basis(units numeric, price numeric) (
    SFUNC = utils_statistics.enter, STYPE = numeric[], INITCOND = '{0,0}'
);

-- Positions that are open at the end of a span, with their worth. Figures are NULL when the price
-- or the quote that they need is not known; a quote counts on its own trading day only.
CREATE FUNCTION utils_statistics.positions(since timestamptz, until timestamptz)
RETURNS TABLE (trade_id integer, contract text, qty numeric, cost_basis numeric, bid numeric,
               ask numeric, mid numeric, mid_ts timestamptz, pnl numeric, mid_mark_pnl numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH held AS (
        SELECT part.trade_id, part.symbol, part.asset_class,
               utils_statistics.cost_basis(part.units, part.price
                                           ORDER BY part.filled_at, part.fill_id) AS entered
        FROM utils_statistics.trade_parts(since, until) AS part
        GROUP BY part.trade_id, part.symbol, part.asset_class
        HAVING sum(part.units) <> 0
    ),
    quoted AS (
        SELECT h.trade_id, h.symbol, h.asset_class, h.entered[1] AS units,
               h.entered[2] AS cost_basis, last.price, quote.bid, quote.ask, quote.as_of,
               CASE WHEN quote.bid > 0 AND quote.ask > 0 THEN (quote.bid + quote.ask) / 2 END
                   AS mid
        FROM held h
        LEFT JOIN LATERAL utils_statistics.last_price(h.symbol, h.asset_class, until) AS last
            ON true
        LEFT JOIN LATERAL (
            (SELECT q.bid, q.ask, q.as_of FROM position_quotes q
             WHERE h.asset_class <> 'us_option' AND q.symbol = h.symbol
               AND q.as_of >= since AND q.as_of < until
             ORDER BY q.as_of DESC LIMIT 1)
            UNION ALL
            SELECT o.bid, o.ask, o.as_of
            FROM utils_statistics.option_price(h.symbol, until) AS o
            WHERE h.asset_class = 'us_option' AND o.as_of >= since
        ) AS quote ON true
    )
    SELECT q.trade_id, q.symbol, q.units / utils_statistics.multiplier(q.asset_class),
           q.cost_basis, q.bid, q.ask, q.mid, CASE WHEN q.mid IS NOT NULL THEN q.as_of END,
           q.price * q.units - q.cost_basis, q.mid * q.units - q.cost_basis
    FROM quoted q;
END;

CREATE FUNCTION utils_statistics.daily_trade_portfolio(report_date date, as_of timestamptz)
RETURNS TABLE (trade_id integer, symbol text, contract_name text)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT t.id, coalesce(utils_statistics.underlying(t.symbol, t.asset_class), t.symbol), t.symbol
    FROM utils_statistics.told_span(report_date, as_of) AS told
    JOIN trades t
        ON tstzrange(t.opened_at, t.closed_at, '[]') && tstzrange(told.since, told.until, '[]')
    WHERE t.opened_at < told.until AND (t.closed_at IS NULL OR t.closed_at >= told.until);
END;
