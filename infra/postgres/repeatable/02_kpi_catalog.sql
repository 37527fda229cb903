-- The 26 figures, in the dashboard's order.

-- How each is written: `count` with thousands commas, `whole` without.
CREATE FUNCTION utils_statistics.kpi_catalog()
RETURNS TABLE (sort_order integer, kpi_name text, format text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    VALUES (1, 'Signals scanned', 'count'), (2, 'Opportunities flagged', 'count'),
           (3, 'Notifications sent', 'count'), (4, 'Entries opened', 'count'),
           (5, 'Exits closed', 'count'), (6, 'Avg hold time', 'seconds'),
           (7, 'Daily PnL', 'dollars'), (8, 'Win rate', 'percent'), (9, 'Max drawdown', 'percent'),
           (10, 'Sharpe ratio', '2 places'), (11, 'Delta', '4 places'), (12, 'Gamma', '6 places'),
           (13, 'Theta', '4 places'), (14, 'Vega', '4 places'), (15, 'Rho', '4 places'),
           (16, 'Historical Volatility', '4 places'), (17, 'Uncertainty', '4 places'),
           (18, 'Fair Market Price', 'dollars'), (19, 'IV Skew', '4 places'),
           (20, 'Decay Rate', '6 places'), (21, 'Gamma Exposure', '6 places'),
           (22, 'Volume Ratio', '4 places'), (23, 'OI Ratio', '4 places'),
           (24, 'Liquidity Ratios', '4 places'), (25, 'Decay Weight', '4 places'),
           (26, 'Portfolio', 'whole');
END;

-- A figure as it is displayed; one without a value is a dash.
CREATE FUNCTION utils_statistics.display(value numeric, format text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT coalesce(CASE format
        WHEN 'count' THEN to_char(value, 'FM999,999,999,999,990')
        WHEN 'whole' THEN round(value)::text
        WHEN 'seconds' THEN round(value) || 's'
        WHEN 'dollars' THEN CASE WHEN round(value, 2) < 0 THEN '-' ELSE '' END
                            || '$' || to_char(abs(round(value, 2)), 'FM999,999,999,999,990.00')
        WHEN 'percent' THEN round(100 * value, 2) || '%'
        WHEN '2 places' THEN round(value, 2)::text
        WHEN '4 places' THEN round(value, 4)::text
        WHEN '6 places' THEN round(value, 6)::text
    END, '—');
END;
