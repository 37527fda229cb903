-- The daily KPI snapshot. Every figure is defined once, in a function of one report date; the
-- materialized views hold that function's rows for the dates in `report_days`, so that the cost of
-- a refresh follows the number of those dates and not the length of history. Function bodies are
-- bound when they are created (BEGIN ATOMIC): a refresh runs with an empty search path.
CREATE SCHEMA utils_statistics;

CREATE TABLE utils_statistics.report_days (
    report_date  date PRIMARY KEY,
    requested_at timestamptz NOT NULL
);

-- A trading day is a calendar day in New York, 23 or 25 hours long when the clocks change.
CREATE FUNCTION utils_statistics.trading_day(report_date date) RETURNS tstzrange
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT tstzrange(report_date::timestamp AT TIME ZONE 'America/New_York',
                     (report_date + 1)::timestamp AT TIME ZONE 'America/New_York', '[)');
END;

-- Signed US dollars: -$1,457.99
CREATE FUNCTION utils_statistics.as_dollars(amount numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT CASE WHEN round(amount, 2) < 0 THEN '-' ELSE '' END
           || '$' || to_char(abs(round(amount, 2)), 'FM999,999,999,999,990.00');
END;

CREATE FUNCTION utils_statistics.as_count(amount bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT to_char(amount, 'FM999,999,999,999,990');
END;

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

CREATE FUNCTION utils_statistics.daily_trade_portfolio(report_date date)
RETURNS TABLE (trade_id integer, symbol text, contract_name text)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT t.id, t.symbol, t.symbol
    FROM trades t, utils_statistics.trading_day(report_date) AS span
    WHERE t.opened_at < upper(span) AND (t.closed_at IS NULL OR t.closed_at >= upper(span));
END;

-- A count without events is 0; a figure without input is NULL and shown as a dash.
CREATE FUNCTION utils_statistics.daily_trade_kpis(report_date date)
RETURNS TABLE (kpi_name text, display_value text, sort_order integer)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH day AS (SELECT utils_statistics.trading_day(report_date) AS span)
    SELECT figure.kpi_name, coalesce(figure.display_value, '—'), figure.sort_order
    FROM day, LATERAL (VALUES
        (1, 'Signals scanned',
         -- What is new that day; the history of earlier days is no signal of this one.
         utils_statistics.as_count(
             (SELECT count(*) FROM market_data_snapshots
              WHERE created_at >= lower(span) AND created_at < upper(span)
                AND metric <> 'daily_close')
             + (SELECT count(*) FROM option_snapshots
                WHERE created_at >= lower(span) AND created_at < upper(span)))),
        (2, 'Opportunities flagged',
         utils_statistics.as_count((SELECT count(*) FROM opportunities
                                    WHERE fired_at >= lower(span) AND fired_at < upper(span)))),
        (3, 'Notifications sent',
         utils_statistics.as_count((SELECT count(*) FROM confirmations
                                    WHERE asked_at >= lower(span) AND asked_at < upper(span)))),
        (4, 'Entries opened',
         utils_statistics.as_count((SELECT count(*) FROM trades
                                    WHERE opened_at >= lower(span) AND opened_at < upper(span)))),
        (5, 'Exits closed',
         utils_statistics.as_count((SELECT count(*) FROM trades
                                    WHERE closed_at >= lower(span) AND closed_at < upper(span)))),
        (6, 'Avg hold time',
         (SELECT round(avg(extract(epoch FROM closed_at - opened_at)))::bigint || 's' FROM trades
          WHERE closed_at >= lower(span) AND closed_at < upper(span))),
        (7, 'Daily PnL',
         (SELECT CASE WHEN count(*) = count(pnl)
                      THEN utils_statistics.as_dollars(coalesce(sum(pnl), 0)) END
          FROM utils_statistics.daily_trade_pnl(report_date))),
        (26, 'Portfolio',
         (SELECT count(*)::text FROM utils_statistics.daily_trade_portfolio(report_date)))
    ) AS figure (sort_order, kpi_name, display_value);
END;

-- REFRESH … CONCURRENTLY lets readers go on, and needs a unique index.
CREATE MATERIALIZED VIEW utils_statistics.daily_trade_kpis_mv AS
    SELECT k.kpi_name, k.display_value, k.sort_order, d.report_date
    FROM utils_statistics.report_days d, utils_statistics.daily_trade_kpis(d.report_date) k;
CREATE UNIQUE INDEX daily_trade_kpis_mv_key
    ON utils_statistics.daily_trade_kpis_mv (report_date, kpi_name);

CREATE MATERIALIZED VIEW utils_statistics.daily_trade_portfolio_mv AS
    SELECT p.trade_id, p.symbol, p.contract_name, d.report_date
    FROM utils_statistics.report_days d, utils_statistics.daily_trade_portfolio(d.report_date) p;
CREATE UNIQUE INDEX daily_trade_portfolio_mv_key
    ON utils_statistics.daily_trade_portfolio_mv (report_date, trade_id);

-- Every push of a snapshot, for the record and so that an older one never overwrites a newer one.
CREATE TABLE snapshot_pushes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_date date NOT NULL,
    updated_at  timestamptz NOT NULL,
    body_sha256 text NOT NULL,
    body_bytes  integer NOT NULL,
    result      text NOT NULL CHECK (result IN ('accepted', 'refused', 'unreachable')),
    request_id  text,
    error       text,
    missing     text[] NOT NULL
);
CREATE INDEX snapshot_pushes_accepted ON snapshot_pushes (report_date, updated_at DESC)
    WHERE result = 'accepted';
