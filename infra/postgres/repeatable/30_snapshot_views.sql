-- What the dashboard's snapshot is read from: the days of `report_days`, each as of the instant at
-- which it was asked for. REFRESH … CONCURRENTLY lets readers go on, and needs the unique indexes.

CREATE MATERIALIZED VIEW utils_statistics.daily_trade_kpis_mv AS
    SELECT k.kpi_name, k.display_value, k.sort_order, d.report_date
    FROM utils_statistics.report_days d,
         utils_statistics.daily_trade_kpis(d.report_date, d.requested_at) k;
CREATE UNIQUE INDEX daily_trade_kpis_mv_key
    ON utils_statistics.daily_trade_kpis_mv (report_date, kpi_name);

CREATE MATERIALIZED VIEW utils_statistics.daily_trade_series_mv AS
    SELECT s.kpi_name, s.ts, s.value, s.source, d.report_date
    FROM utils_statistics.report_days d,
         utils_statistics.daily_trade_series(d.report_date, d.requested_at) s;
CREATE UNIQUE INDEX daily_trade_series_mv_key
    ON utils_statistics.daily_trade_series_mv (report_date, kpi_name, ts);

CREATE MATERIALIZED VIEW utils_statistics.daily_trade_extremes_mv AS
    SELECT e.*, d.report_date
    FROM utils_statistics.report_days d,
         utils_statistics.daily_trade_extremes(d.report_date, d.requested_at) e;
CREATE UNIQUE INDEX daily_trade_extremes_mv_key
    ON utils_statistics.daily_trade_extremes_mv (report_date, kpi_name, side, rank);

CREATE MATERIALIZED VIEW utils_statistics.daily_trade_portfolio_mv AS
    SELECT p.trade_id, p.symbol, p.contract_name, d.report_date
    FROM utils_statistics.report_days d,
         utils_statistics.daily_trade_portfolio(d.report_date, d.requested_at) p;
CREATE UNIQUE INDEX daily_trade_portfolio_mv_key
    ON utils_statistics.daily_trade_portfolio_mv (report_date, trade_id);
