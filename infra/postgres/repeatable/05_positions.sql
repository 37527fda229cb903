-- The average price at which what is held was entered: adding moves it, reducing does not.
CREATE FUNCTION utils_statistics.add_to_cost_basis(held numeric[], units numeric, price numeric)
RETURNS numeric[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT CASE WHEN held[1] * units >= 0
                THEN ARRAY[held[1] + units, held[2] + units * price]
                ELSE ARRAY[held[1] + units, held[2] * (held[1] + units) / held[1]] END;
END;
CREATE AGGREGATE utils_statistics.cost_basis(units numeric, price numeric) (
    SFUNC = utils_statistics.add_to_cost_basis, STYPE = numeric[], INITCOND = '{0,0}'
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
        FROM utils_statistics.trade_changes(since, until) AS part
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
