-- What a day made of the trades. A trade's `units` are its quantity times the contract multiplier,
-- below zero when short.

-- Every part of an execution that belongs to a trade that was open at some time of a span, and every
-- adjustment of one. A restatement takes the old shares away and brings the new ones at the same cost;
-- at the midnight with which a span begins it lies before the span.
CREATE FUNCTION utils_statistics.trade_changes(
    since timestamptz, until timestamptz, of_user text DEFAULT NULL)
RETURNS TABLE (trade_id integer, symbol text, asset_class text, units numeric, price numeric,
               filled_at timestamptz, fill_id bigint)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH open_trades AS MATERIALIZED (
        SELECT t.id, t.symbol, t.asset_class,
               utils_statistics.multiplier(t.asset_class) AS multiplier
        FROM trades t
        WHERE tstzrange(t.opened_at, t.closed_at, '[]') && tstzrange(since, until, '[]')
          AND (of_user IS NULL OR t.firebase_uid = of_user)
    )
    SELECT t.id, t.symbol, t.asset_class, a.qty * t.multiplier, f.price, f.filled_at, f.id
    FROM open_trades t
    -- OFFSET keeps it one lookup for each trade: as a join, the planner reads all fills that there are.
    CROSS JOIN LATERAL (
        SELECT fill_id, qty FROM trade_fills WHERE trade_id = t.id OFFSET 0) AS a
    CROSS JOIN LATERAL (SELECT * FROM fills WHERE id = a.fill_id OFFSET 0) AS f
    WHERE f.filled_at < until
    UNION ALL
    SELECT t.id, t.symbol, t.asset_class, part.qty * t.multiplier, part.price,
           CASE WHEN p.is_restatement AND p.effective_at = since
                THEN p.effective_at - interval '1 microsecond' ELSE p.effective_at END,
           part.number
    FROM open_trades t
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
        FROM utils_statistics.trade_changes(since, until, of_user) AS part
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
