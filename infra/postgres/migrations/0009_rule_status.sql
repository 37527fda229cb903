-- The last outcome of each rule, per distinct config and symbol: why it fired or why it did not,
-- with the numbers it saw, and how many users it could and could not ask.
CREATE TABLE rule_status (
    config_key   text NOT NULL,
    rule_id      text NOT NULL,
    symbol       text NOT NULL,
    outcome      text NOT NULL,
    observed     jsonb NOT NULL DEFAULT '{}',
    asked        integer NOT NULL DEFAULT 0,
    held_back    jsonb NOT NULL DEFAULT '{}',
    evaluated_at timestamptz NOT NULL,
    PRIMARY KEY (config_key, rule_id, symbol)
);

-- The broker's calendar: evaluate never calls Alpaca. A day without hours is one on which the
-- exchange stays closed; a day without a row is unknown.
CREATE TABLE market_sessions (
    trading_day        date PRIMARY KEY,
    opens_at           timestamptz,
    closes_at          timestamptz CHECK (closes_at > opens_at),
    extended_opens_at  timestamptz,
    extended_closes_at timestamptz CHECK (extended_closes_at > extended_opens_at),
    fetched_at         timestamptz NOT NULL,
    CHECK (num_nulls(opens_at, closes_at, extended_opens_at, extended_closes_at) IN (0, 4))
);
