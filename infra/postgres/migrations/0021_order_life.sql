-- When the broker last changed an order, by its own clock: readings may come late and reordered.
ALTER TABLE trade_orders ADD COLUMN broker_updated_at timestamptz;

-- What is still ours to bring on, and what changed a moment ago: both are read every minute.
CREATE INDEX trade_orders_approved ON trade_orders (created_at) WHERE status = 'approved';
CREATE INDEX trade_orders_updated_at ON trade_orders (updated_at);
