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
    firebase_uid     text COLLATE "C" NOT NULL REFERENCES users (firebase_uid),
    symbol           text COLLATE "C" NOT NULL,
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
-- With the user in it, whichever of the two is taken serves for one user's position.
CREATE INDEX trades_open_by_symbol ON trades (symbol, firebase_uid) WHERE closed_at IS NULL;
CREATE INDEX trades_opened_at ON trades (opened_at);
CREATE INDEX trades_closed_at ON trades (closed_at);
-- Which trades were open at some time of a day, however many there were before and after it.
CREATE INDEX trades_life ON trades USING gist (tstzrange(opened_at, closed_at, '[]'));

-- Which part of which execution belongs to which trade (`qty` is signed). An execution that flips a
-- position belongs to two: it closes one trade and opens the next.
CREATE TABLE trade_fills (
    trade_id integer NOT NULL REFERENCES trades (id),
    fill_id  bigint NOT NULL REFERENCES fills (id),
    qty      numeric NOT NULL CHECK (qty <> 0),
    PRIMARY KEY (trade_id, fill_id)
);
CREATE INDEX trade_fills_fill ON trade_fills (fill_id);
