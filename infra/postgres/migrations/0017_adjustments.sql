-- What changes a position without an order of ours: corporate actions, fees that are taken in the
-- coin, and trades by hand beside ours.

-- The broker's corporate actions, and those that its records alone show (`inferred`). Prices and
-- positions from before `ex_date` are restated once, when `applied_at` is set.
CREATE TABLE corporate_actions (
    id           text COLLATE "C" PRIMARY KEY,
    kind         text NOT NULL,
    symbol       text COLLATE "C" NOT NULL,
    ex_date      date NOT NULL,
    effect       text NOT NULL CHECK (effect IN ('shares', 'cash', 'price', 'unexplained', 'none')),
    new_rate     numeric NOT NULL CHECK (new_rate > 0),
    old_rate     numeric NOT NULL CHECK (old_rate > 0),
    new_symbol   text,
    cash         numeric CHECK (cash >= 0),
    announced_at timestamptz NOT NULL,
    applied_at   timestamptz,
    resolved_at  timestamptz
);
CREATE INDEX corporate_actions_of_symbol ON corporate_actions (symbol, ex_date);

-- The audit of every change of a trade that no fill of ours explains. A restatement replaces
-- `qty_before` at `entry_before` by `qty_after` at `entry_after`; any other adjustment adds the
-- difference of the quantities at `price` (0 for a fee in the coin).
CREATE TABLE position_adjustments (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trade_id       integer NOT NULL REFERENCES trades (id),
    firebase_uid   text NOT NULL REFERENCES users (firebase_uid),
    symbol         text NOT NULL,
    kind           text NOT NULL,
    is_restatement boolean NOT NULL,
    reference      text COLLATE "C" NOT NULL,
    qty_before     numeric NOT NULL,
    qty_after      numeric NOT NULL,
    entry_before   numeric NOT NULL,
    entry_after    numeric NOT NULL,
    price          numeric NOT NULL CHECK (price >= 0),
    effective_at   timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    UNIQUE (trade_id, reference)
);

-- Executions in the account that no order of ours made.
CREATE TABLE manual_fills (
    activity_id text COLLATE "C" PRIMARY KEY,
    symbol      text NOT NULL,
    qty         numeric NOT NULL CHECK (qty <> 0),
    price       numeric NOT NULL,
    filled_at   timestamptz NOT NULL
);

-- What is held beside our users' positions, by symbol as the broker lists it.
CREATE TABLE manual_holdings (
    symbol     text COLLATE "C" PRIMARY KEY,
    qty        numeric NOT NULL,
    updated_at timestamptz NOT NULL
);

-- The symbols of which the broker's records and ours differ, as of the last reconciliation.
CREATE TABLE position_drifts (
    symbol   text COLLATE "C" PRIMARY KEY,
    ours     numeric NOT NULL,
    brokers  numeric NOT NULL,
    found_at timestamptz NOT NULL
);
