-- A count without events is 0; a figure without input is NULL and shown as a dash.
CREATE FUNCTION utils_statistics.daily_trade_kpis(report_date date, as_of timestamptz)
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
         (SELECT count(*)::text FROM utils_statistics.daily_trade_portfolio(report_date, as_of)))
    ) AS figure (sort_order, kpi_name, display_value);
END;

CREATE FUNCTION utils_statistics.daily_trade_series(report_date date, as_of timestamptz)
RETURNS TABLE (kpi_name text, ts timestamptz, value numeric, source text)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT 'Signals scanned', as_of, 0::numeric, 'real' WHERE false;
END;
