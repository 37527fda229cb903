CREATE FUNCTION utils_statistics.daily_trade_extremes(report_date date, as_of timestamptz)
RETURNS TABLE (
    kpi_name text, side text, rank integer, trade_id integer, symbol text, contract_name text,
    metric_raw numeric, metric_abs numeric, individual_pnl numeric, abs_individual_pnl numeric,
    percent_change numeric, cost_basis numeric, qty numeric, bid_price numeric, ask_price numeric,
    mid_price numeric, mid_ts timestamptz, mid_mark_pnl numeric, liquidity_drag numeric)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT 'Delta', 'hi', 1, 1, '', '', 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric,
           0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric, as_of, 0::numeric, 0::numeric
    WHERE false;
END;
