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
