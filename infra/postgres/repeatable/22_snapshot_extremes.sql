-- The highest and lowest contracts of 18 KPIs: of n, the higher half (ten at most) and the lower
-- half (ten at most), so that none is in both. Five KPIs are the positions', the others those of
-- scanned contracts; a scanned contract that is held carries the figures of its oldest position,
-- one that is not has a quantity of 0 and the number under which it is listed.
CREATE FUNCTION utils_statistics.daily_trade_extremes(report_date date, as_of timestamptz)
RETURNS TABLE (
    kpi_name text, side text, rank integer, trade_id integer, symbol text, contract_name text,
    metric_raw numeric, metric_abs numeric, individual_pnl numeric, abs_individual_pnl numeric,
    percent_change numeric, cost_basis numeric, qty numeric, bid_price numeric, ask_price numeric,
    mid_price numeric, mid_ts timestamptz, mid_mark_pnl numeric, liquidity_drag numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH span AS (SELECT * FROM utils_statistics.reported_span(report_date, as_of)),
    positions AS MATERIALIZED (
        SELECT p.*, 100 * p.pnl / nullif(abs(p.cost_basis), 0) AS percent_change,
               p.pnl - p.mid_mark_pnl AS liquidity_drag
        FROM span, utils_statistics.positions(span.since, span.until) AS p
    ),
    items AS (
        SELECT item.kpi_name, p.trade_id, p.contract, item.value
        FROM positions p
        CROSS JOIN LATERAL (VALUES
            ('Unrealized P/L', p.pnl), ('Mid Mark PnL', p.mid_mark_pnl),
            ('Liquidity Drag', p.liquidity_drag), ('Percent Change', p.percent_change)
        ) AS item (kpi_name, value)
        UNION ALL
        SELECT 'Daily PnL', each.trade_id, each.symbol, each.pnl
        FROM span, utils_statistics.trade_pnl(span.since, span.until) AS each
        UNION ALL
        SELECT o.kpi_name, NULL, o.contract, o.value
        FROM span, utils_statistics.option_items(span.since, span.until, interval '2 days') AS o
        JOIN option_contracts listed ON listed.contract = o.contract
        WHERE o.kpi_name NOT IN ('Historical Volatility', 'Decay Weight')
    ),
    counted AS (
        SELECT items.*, count(*) OVER (PARTITION BY kpi_name) AS n,
               row_number() OVER (PARTITION BY kpi_name
                                  ORDER BY value DESC, contract, trade_id) AS place
        FROM items WHERE value IS NOT NULL
    ),
    ranked AS (
        SELECT kpi_name, trade_id, contract, value, 'hi' AS side, place AS rank
        FROM counted WHERE place <= least(10, (n + 1) / 2)
        UNION ALL
        SELECT kpi_name, trade_id, contract, value, 'lo', n - place + 1
        FROM counted WHERE n - place < least(10, n / 2)
    ),
    described AS (
        SELECT r.*, listed.listing_id, coalesce(listed.underlying, r.contract) AS symbol,
               held.trade_id AS held_id, held.pnl, held.cost_basis, held.qty, held.mid_mark_pnl,
               held.percent_change, held.liquidity_drag,
               coalesce(held.bid, quote.bid) AS bid, coalesce(held.ask, quote.ask) AS ask,
               coalesce(held.mid, quote.mid) AS mid, coalesce(held.mid_ts, quote.mid_ts) AS mid_ts
        FROM ranked r
        LEFT JOIN option_contracts listed ON listed.contract = r.contract
        LEFT JOIN LATERAL (
            SELECT * FROM positions p
            WHERE p.contract = r.contract AND p.trade_id = coalesce(r.trade_id, p.trade_id)
            ORDER BY p.trade_id LIMIT 1
        ) AS held ON true
        LEFT JOIN LATERAL (
            SELECT o.bid, o.ask, (o.bid + o.ask) / 2 AS mid, o.as_of AS mid_ts
            FROM span, utils_statistics.option_price(r.contract, span.until) AS o
            WHERE listed.contract IS NOT NULL AND held.trade_id IS NULL
              AND o.bid > 0 AND o.ask > 0
        ) AS quote ON true
    )
    SELECT kpi_name, side, rank::integer, coalesce(trade_id, held_id, listing_id), symbol, contract,
           value, abs(value),
           CASE WHEN held_id IS NULL THEN 0 ELSE pnl END,
           CASE WHEN held_id IS NULL THEN 0 ELSE abs(pnl) END,
           CASE WHEN held_id IS NULL THEN 0 ELSE percent_change END,
           coalesce(cost_basis, 0), coalesce(qty, 0), bid, ask, mid, mid_ts,
           CASE WHEN held_id IS NULL THEN 0 ELSE mid_mark_pnl END,
           CASE WHEN held_id IS NULL THEN 0 ELSE liquidity_drag END
    FROM described;
END;
