CREATE FUNCTION utils_statistics.daily_trade_portfolio(report_date date, as_of timestamptz)
RETURNS TABLE (trade_id integer, symbol text, contract_name text)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT t.id, coalesce(utils_statistics.underlying(t.symbol, t.asset_class), t.symbol), t.symbol
    FROM utils_statistics.reported_span(report_date, as_of) AS span
    JOIN trades t
        ON tstzrange(t.opened_at, t.closed_at, '[]') && tstzrange(span.since, span.until, '[]')
    WHERE t.opened_at < span.until AND (t.closed_at IS NULL OR t.closed_at >= span.until);
END;
