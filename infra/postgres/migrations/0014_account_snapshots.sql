-- What the broker says the account is worth, once per quarter of an hour: the equity curve.
CREATE TABLE account_equity (
    quarter_hour timestamptz PRIMARY KEY,
    equity       numeric NOT NULL,
    read_at      timestamptz NOT NULL
);

-- The two-sided quotes of what is held (stocks and crypto), once per quarter of an hour.
CREATE TABLE position_quotes (
    symbol text COLLATE "C" NOT NULL,
    as_of  timestamptz NOT NULL,
    bid    numeric NOT NULL CHECK (bid > 0),
    ask    numeric NOT NULL CHECK (ask > 0),
    PRIMARY KEY (symbol, as_of)
);
CREATE INDEX position_quotes_as_of ON position_quotes (as_of);
