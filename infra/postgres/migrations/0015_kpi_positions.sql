-- Realized that day + change of unrealized since the previous close, for each trade that was open
-- at any time of the day:
--   qty at end × last price − qty at start × previous close − what the day's fills cost.
-- NULL when a price that it needs is not known.
CREATE FUNCTION utils_statistics.daily_trade_pnl(report_date date, of_user text DEFAULT NULL)
RETURNS TABLE (trade_id integer, pnl numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH day AS (SELECT lower(span) AS day_start, upper(span) AS day_end
                 FROM utils_statistics.trading_day(report_date) AS span),
    held AS (
        SELECT t.id, t.symbol,
               coalesce(sum(a.qty) FILTER (WHERE f.filled_at < day_end), 0) AS qty_at_end,
               coalesce(sum(a.qty) FILTER (WHERE f.filled_at < day_start), 0) AS qty_at_start,
               coalesce(sum(a.qty * f.price) FILTER (WHERE f.filled_at >= day_start
                                                      AND f.filled_at < day_end), 0) AS paid
        FROM day, trades t
        JOIN trade_fills a ON a.trade_id = t.id
        JOIN fills f ON f.id = a.fill_id
        WHERE t.opened_at < day_end AND (t.closed_at IS NULL OR t.closed_at >= day_start)
          AND (of_user IS NULL OR t.firebase_uid = of_user)
        GROUP BY t.id, t.symbol
    )
    SELECT held.id,
           CASE WHEN qty_at_end = 0 THEN 0 ELSE qty_at_end * last.price END
         - CASE WHEN qty_at_start = 0 THEN 0 ELSE qty_at_start * previous.price END
         - paid
    FROM day, held
    LEFT JOIN LATERAL (SELECT s.price FROM market_data_snapshots s
                       WHERE s.symbol = held.symbol AND s.metric = 'last_trade'
                         AND s.as_of < day_end
                       ORDER BY s.as_of DESC LIMIT 1) AS last ON true
    LEFT JOIN LATERAL (SELECT s.price FROM market_data_snapshots s
                       WHERE s.symbol = held.symbol AND s.metric = 'prev_close'
                         AND s.as_of < day_start
                       ORDER BY s.as_of DESC LIMIT 1) AS previous ON true;
END;

CREATE FUNCTION utils_statistics.daily_trade_portfolio(report_date date, as_of timestamptz)
RETURNS TABLE (trade_id integer, symbol text, contract_name text)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT t.id, t.symbol, t.symbol
    FROM trades t, utils_statistics.trading_day(report_date) AS span
    WHERE t.opened_at < upper(span) AND (t.closed_at IS NULL OR t.closed_at >= upper(span));
END;
