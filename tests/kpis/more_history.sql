-- All that there is, again `:weeks` weeks before and after it.

INSERT INTO market_data_snapshots
    (symbol, asset_class, feed, metric, price, as_of, created_at)
SELECT symbol, asset_class, feed, metric, price, as_of + make_interval(weeks => week),
       created_at + make_interval(weeks => week)
FROM market_data_snapshots
CROSS JOIN (VALUES (-CAST(:weeks AS integer)), (:weeks)) AS moved (week)
ON CONFLICT DO NOTHING;

INSERT INTO option_snapshots
    (contract, underlying, type, strike, expiry, style, feed, bid, ask, last_trade, day_volume,
     open_interest, underlying_price, raw, as_of, created_at)
SELECT contract, underlying, type, strike, expiry, style, feed, bid, ask, last_trade,
       day_volume, open_interest, underlying_price, raw, as_of + make_interval(weeks => week),
       created_at + make_interval(weeks => week)
FROM option_snapshots
CROSS JOIN (VALUES (-CAST(:weeks AS integer)), (:weeks)) AS moved (week);

INSERT INTO option_valuations (snapshot_id, known_at, fair_price)
SELECT id, created_at, 1 FROM option_snapshots ON CONFLICT DO NOTHING;

INSERT INTO opportunities
    (id, firebase_uid, rule_id, rule_type, symbol, price, as_of, snapshot_ids, config_hash,
     fired_at)
SELECT gen_random_uuid(), firebase_uid, rule_id, rule_type, symbol, price,
       as_of + make_interval(weeks => week), snapshot_ids, config_hash,
       fired_at + make_interval(weeks => week)
FROM opportunities
CROSS JOIN (VALUES (-CAST(:weeks AS integer)), (:weeks)) AS moved (week);

INSERT INTO account_equity
SELECT quarter_hour + make_interval(weeks => week), equity,
       read_at + make_interval(weeks => week)
FROM account_equity
CROSS JOIN (VALUES (-CAST(:weeks AS integer)), (:weeks)) AS moved (week);

INSERT INTO position_quotes
SELECT symbol, as_of + make_interval(weeks => week), bid, ask FROM position_quotes
CROSS JOIN (VALUES (-CAST(:weeks AS integer)), (:weeks)) AS moved (week);

INSERT INTO trades (firebase_uid, symbol, asset_class, qty, avg_entry_price, realized_pnl,
                    opened_at, closed_at, opening_order_id)
SELECT firebase_uid, symbol, asset_class, 0, avg_entry_price, 1,
       opened_at + make_interval(weeks => week),
       opened_at + make_interval(weeks => week, hours => 1), opening_order_id
FROM trades
CROSS JOIN (VALUES (-CAST(:weeks AS integer)), (:weeks)) AS moved (week);

INSERT INTO fills (order_id, firebase_uid, symbol, side, qty, price, cum_qty, filled_at)
SELECT opening_order_id, firebase_uid, symbol, 'buy', 1, 1, 1000000 + id, opened_at FROM trades
WHERE NOT EXISTS (SELECT FROM trade_fills WHERE trade_id = id);

INSERT INTO trade_fills (trade_id, fill_id, qty)
SELECT t.id, f.id, 1 FROM trades t JOIN fills f ON f.cum_qty = 1000000 + t.id
ON CONFLICT DO NOTHING;
