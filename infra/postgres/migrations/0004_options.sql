-- The contracts that the broker lists: fetched once a day, so that each poll knows what to ask for.
-- A scanned contract that nobody holds is known by its `listing_id`; trades count from 1.
CREATE TABLE option_contracts (
    contract      text COLLATE "C" PRIMARY KEY,
    underlying    text COLLATE "C" NOT NULL,
    type          text NOT NULL CHECK (type IN ('call', 'put')),
    strike        numeric NOT NULL,
    expiry        date NOT NULL,
    style         text NOT NULL,
    open_interest bigint,
    fetched_at    timestamptz NOT NULL,
    listing_id    integer NOT NULL GENERATED ALWAYS AS IDENTITY (START WITH 1000000001)
);
CREATE INDEX option_contracts_by_expiry ON option_contracts (underlying, expiry);

-- What was known of each contract, append-only; what the broker does not give is null. The unique
-- index is also how the latest row of a contract is found.
CREATE TABLE option_snapshots (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contract           text COLLATE "C" NOT NULL,
    underlying         text NOT NULL,
    type               text NOT NULL,
    strike             numeric NOT NULL,
    expiry             date NOT NULL,
    style              text NOT NULL,
    feed               text COLLATE "C" NOT NULL,
    bid                numeric,
    ask                numeric,
    bid_size           numeric,
    ask_size           numeric,
    last_trade         numeric,
    day_volume         numeric,
    open_interest      bigint,
    implied_volatility numeric,
    delta              numeric,
    gamma              numeric,
    theta              numeric,
    vega               numeric,
    rho                numeric,
    underlying_price   numeric NOT NULL,
    as_of              timestamptz NOT NULL,
    raw                jsonb NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (contract, feed, as_of)
);
CREATE INDEX option_snapshots_created_at ON option_snapshots (created_at);

-- What the pricing library makes of a stored snapshot: implied volatility and greeks where the
-- broker gives none (scaled as the broker's), and the fair price. The last snapshot of each contract in each
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
