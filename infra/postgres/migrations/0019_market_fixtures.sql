-- QUESTION_PIPELINE_TEST_MODE: what stands in for the broker, so that nothing outside is needed.

-- The market as it is taken to be: an operator loads it, and every price is as of now.
CREATE TABLE market_fixtures (
    symbol     text COLLATE "C" PRIMARY KEY,
    price      numeric NOT NULL CHECK (price > 0),
    prev_close numeric NOT NULL CHECK (prev_close > 0),
    volume     numeric NOT NULL DEFAULT 0 CHECK (volume >= 0),
    updated_at timestamptz NOT NULL
);

-- The orders that were filled at a fixture's price, as the broker would show them. No broker knows
-- them: their ids begin with `fake-`.
CREATE TABLE fake_orders (
    id              text COLLATE "C" PRIMARY KEY CHECK (id LIKE 'fake-%'),
    client_order_id text COLLATE "C" NOT NULL UNIQUE,
    symbol          text NOT NULL,
    signed_qty      numeric NOT NULL CHECK (signed_qty <> 0),
    price           numeric NOT NULL CHECK (price > 0),
    document        jsonb NOT NULL,
    submitted_at    timestamptz NOT NULL
);
CREATE INDEX fake_orders_submitted_at ON fake_orders (submitted_at);
