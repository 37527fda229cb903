-- `reserved_at` and `reserved_usd` are set when the order's slot and what it may cost are reserved,
-- before anything is sent;
-- guardrail counters are sums over these rows, so there is no counter that could drift.
CREATE TABLE trade_orders (
    id               uuid PRIMARY KEY,
    firebase_uid     text NOT NULL REFERENCES users (firebase_uid),
    client_order_id  text NOT NULL UNIQUE CHECK (length(client_order_id) <= 48),
    alpaca_order_id  text UNIQUE,
    symbol           text NOT NULL,
    side             text NOT NULL CHECK (side IN ('buy', 'sell')),
    order_type       text NOT NULL,
    notional_usd     numeric CHECK (notional_usd > 0),
    qty              numeric CHECK (qty > 0),
    status           text NOT NULL,
    question_id      uuid UNIQUE REFERENCES questions (id),
    rule_id          text NOT NULL,
    submitted_at     timestamptz,
    filled_at        timestamptz,
    raw              jsonb,
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    opportunity_id   uuid NOT NULL REFERENCES opportunities (id),
    asset_class      text NOT NULL,
    time_in_force    text NOT NULL,
    limit_offset_pct numeric,
    limit_price      numeric CHECK (limit_price > 0),
    reserved_usd     numeric CHECK (reserved_usd > 0),
    outcome_unknown_at timestamptz,
    config_hash      text NOT NULL,
    seen_price       numeric NOT NULL CHECK (seen_price > 0),
    max_price_drift_pct numeric NOT NULL CHECK (max_price_drift_pct > 0),
    reserved_at      timestamptz,
    filled_qty       numeric NOT NULL DEFAULT 0,
    filled_avg_price numeric,
    denial_code      text,
    reason           text,
    CHECK ((notional_usd IS NULL) <> (qty IS NULL)),
    CHECK ((reserved_at IS NULL) = (reserved_usd IS NULL)),
    CHECK ((status = 'denied') = (denial_code IS NOT NULL))
);
CREATE INDEX trade_orders_reserved ON trade_orders (firebase_uid, reserved_at)
    WHERE reserved_at IS NOT NULL;
CREATE INDEX trade_orders_submitting ON trade_orders (firebase_uid) WHERE status = 'submitting';
CREATE INDEX trade_orders_open ON trade_orders (created_at)
    WHERE status NOT IN ('filled', 'canceled', 'expired', 'replaced', 'rejected', 'denied');

-- Executions, known by the order's cumulative quantity after each.
CREATE TABLE fills (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id     uuid NOT NULL REFERENCES trade_orders (id),
    firebase_uid text NOT NULL REFERENCES users (firebase_uid),
    symbol       text NOT NULL,
    side         text NOT NULL CHECK (side IN ('buy', 'sell')),
    qty          numeric NOT NULL CHECK (qty > 0),
    price        numeric NOT NULL CHECK (price > 0),
    cum_qty      numeric NOT NULL,
    filled_at    timestamptz NOT NULL,
    UNIQUE (order_id, cum_qty)
);
CREATE INDEX fills_filled_at ON fills (filled_at);

-- The life of a position, from flat to flat. `qty` is what is held now, below zero when short.
CREATE TABLE trades (
    id               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    firebase_uid     text NOT NULL REFERENCES users (firebase_uid),
    symbol           text NOT NULL,
    asset_class      text NOT NULL,
    qty              numeric NOT NULL,
    avg_entry_price  numeric NOT NULL,
    realized_pnl     numeric NOT NULL DEFAULT 0,
    opened_at        timestamptz NOT NULL,
    closed_at        timestamptz,
    opening_order_id uuid NOT NULL REFERENCES trade_orders (id),
    CHECK ((closed_at IS NOT NULL) = (qty = 0))
);
CREATE UNIQUE INDEX trades_one_open ON trades (firebase_uid, symbol) WHERE closed_at IS NULL;
CREATE INDEX trades_opened_at ON trades (opened_at);
CREATE INDEX trades_closed_at ON trades (closed_at);

-- Which part of which execution belongs to which trade (`qty` is signed). An execution that flips a
-- position belongs to two: it closes one trade and opens the next.
CREATE TABLE trade_fills (
    trade_id integer NOT NULL REFERENCES trades (id),
    fill_id  bigint NOT NULL REFERENCES fills (id),
    qty      numeric NOT NULL CHECK (qty <> 0),
    PRIMARY KEY (trade_id, fill_id)
);
CREATE INDEX trade_fills_fill ON trade_fills (fill_id);
