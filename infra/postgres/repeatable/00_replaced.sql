-- Functions and views hold no data: when one of these files changes, all of them are made anew. What
-- somebody else has built upon them is not dropped with them: the migration stops and names it.
--
-- Every figure of the daily snapshot is defined once, in a function of one report date and the
-- instant up to which it is reported; the materialized views hold those functions' rows for the dates
-- in `report_days`, so that the cost of a refresh follows the number of those dates and not the
-- length of history. The instant is an argument: SQL never asks for the time. Function bodies are
-- bound when they are created (BEGIN ATOMIC): a refresh runs with an empty search path.
DROP MATERIALIZED VIEW IF EXISTS
    utils_statistics.daily_trade_kpis_mv, utils_statistics.daily_trade_series_mv,
    utils_statistics.daily_trade_extremes_mv, utils_statistics.daily_trade_portfolio_mv;

DO $$
DECLARE
    routines text := (SELECT string_agg(CAST(CAST(oid AS regprocedure) AS text), ', ') FROM pg_proc
                      WHERE pronamespace = CAST('utils_statistics' AS regnamespace));
BEGIN
    IF routines IS NOT NULL THEN
        EXECUTE 'DROP ROUTINE ' || routines;
    END IF;
END $$;
