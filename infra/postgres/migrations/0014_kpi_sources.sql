-- What the KPIs need besides the facts that trading needs.

-- What the broker says the account is worth, once per quarter of an hour: the equity curve.
CREATE TABLE account_equity (
    quarter_hour timestamptz PRIMARY KEY,
    equity       numeric NOT NULL,
    read_at      timestamptz NOT NULL
);

-- The two-sided quotes of what is held (stocks and crypto), once per quarter of an hour.
CREATE TABLE position_quotes (
    symbol text NOT NULL,
    as_of  timestamptz NOT NULL,
    bid    numeric NOT NULL CHECK (bid > 0),
    ask    numeric NOT NULL CHECK (ask > 0),
    PRIMARY KEY (symbol, as_of)
);

-- What the pricing library makes of a stored snapshot: implied volatility and greeks where the
-- broker gives none (scaled as his), and the fair price. The last snapshot of each contract in each
-- five minutes has one; both grids of the series are made of five minutes. `known_at` is when the
-- snapshot was stored.
CREATE TABLE option_valuations (
    snapshot_id           bigint PRIMARY KEY REFERENCES option_snapshots (id) ON DELETE CASCADE,
    known_at              timestamptz NOT NULL,
    implied_volatility    numeric,
    delta                 numeric,
    gamma                 numeric,
    theta                 numeric,
    vega                  numeric,
    rho                   numeric,
    historical_volatility numeric,
    fair_price            numeric
);
CREATE INDEX option_valuations_known_at ON option_valuations (known_at);

-- A scanned contract that nobody holds is known by this number; trades count from 1.
ALTER TABLE option_contracts
    ADD COLUMN listing_id integer NOT NULL GENERATED ALWAYS AS IDENTITY (START WITH 1000000001);

-- Which trades were open at some time of a day, however many there were before and after it.
CREATE INDEX trades_life ON trades USING gist (tstzrange(opened_at, closed_at, '[]'));
