-- The hash by which a client order id commits to what its user was shown: the formula of
-- common/receipts/consent.py. The table below holds every order to it.
CREATE FUNCTION consent_hash(origin uuid, firebase_uid text, consented text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN left(encode(sha256(convert_to(
        origin || E'\n' || firebase_uid || E'\n' || consented, 'UTF8')), 'hex'), 32);

-- `reserved_at` and `reserved_usd` are set when the order's slot and what it may cost are reserved,
-- before anything is sent; guardrail counters are sums over these rows, so that no counter can drift.
-- The defaults are those of a row that somebody else inserts, without terms: it rests on no consent
-- and has expired, so that it is denied and never sent.
CREATE TABLE trade_orders (
    id               uuid PRIMARY KEY,
    firebase_uid     text COLLATE "C" NOT NULL REFERENCES users (firebase_uid),
    client_order_id  text COLLATE "C" NOT NULL UNIQUE CHECK (length(client_order_id) <= 128),
    alpaca_order_id  text COLLATE "C" UNIQUE,
    symbol           text NOT NULL,
    side             text NOT NULL CHECK (side IN ('buy', 'sell')),
    order_type       text NOT NULL,
    notional_usd     numeric CHECK (notional_usd > 0),
    qty              numeric CHECK (qty > 0),
    status           text NOT NULL,
    question_id      uuid UNIQUE REFERENCES questions (id),
    rule_id          text NOT NULL DEFAULT '',
    submitted_at     timestamptz,
    filled_at        timestamptz,
    raw              jsonb,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL DEFAULT to_timestamp(0),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    opportunity_id   uuid REFERENCES opportunities (id),
    -- What its user was shown, as the canonical JSON that the client order id commits to.
    consented        text,
    asset_class      text NOT NULL DEFAULT 'us_equity',
    time_in_force    text NOT NULL DEFAULT 'day',
    limit_offset_pct numeric,
    limit_price      numeric CHECK (limit_price > 0),
    -- All users' are summed: one beyond measure would keep everybody from trading. NaN is above
    -- every number.
    reserved_usd     numeric CHECK (reserved_usd > 0 AND reserved_usd < 1e16),
    outcome_unknown_at timestamptz,
    config_hash      text NOT NULL DEFAULT '',
    seen_price       numeric NOT NULL DEFAULT 0.000001 CHECK (seen_price > 0),
    max_price_drift_pct numeric NOT NULL DEFAULT 1 CHECK (max_price_drift_pct > 0),
    reserved_at      timestamptz,
    filled_qty       numeric NOT NULL DEFAULT 0,
    filled_avg_price numeric,
    denial_code      text,
    reason           text,
    -- When the broker last changed it, by its own clock: readings may come late and reordered.
    broker_updated_at timestamptz,
    CHECK (consented IS NULL OR client_order_id =
        'cs-' || coalesce(question_id, opportunity_id) || '-'
        || consent_hash(coalesce(question_id, opportunity_id), firebase_uid, consented)),
    CHECK ((notional_usd IS NULL) <> (qty IS NULL)),
    CHECK ((reserved_at IS NULL) = (reserved_usd IS NULL)),
    CHECK ((status = 'denied') = (denial_code IS NOT NULL))
);
CREATE INDEX trade_orders_reserved ON trade_orders (firebase_uid, reserved_at)
    WHERE reserved_at IS NOT NULL;
-- The caps over all users.
CREATE INDEX trade_orders_reserved_by_all ON trade_orders (reserved_at)
    WHERE reserved_at IS NOT NULL;
CREATE INDEX trade_orders_submitting ON trade_orders (firebase_uid) WHERE status = 'submitting';
CREATE INDEX trade_orders_open ON trade_orders (created_at)
    WHERE status NOT IN ('filled', 'canceled', 'expired', 'replaced', 'rejected', 'denied');
-- What is still ours to bring on, and what changed a moment ago: both are read every minute.
CREATE INDEX trade_orders_approved ON trade_orders (created_at) WHERE status = 'approved';
CREATE INDEX trade_orders_updated_at ON trade_orders (updated_at);
-- A user's own list, newest first, page by page.
CREATE INDEX trade_orders_of_user ON trade_orders (firebase_uid, created_at DESC, id DESC);

-- When the broker was last asked about all open orders (`poll`), and until when the stream of order
-- updates was whole (`stream`).
CREATE TABLE order_tracking (
    source  text COLLATE "C" PRIMARY KEY CHECK (source IN ('poll', 'stream')),
    seen_at timestamptz NOT NULL
);
