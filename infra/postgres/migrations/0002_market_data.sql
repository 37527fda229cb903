-- Facts about the market, append-only but for corrections of the feed. The unique index is also how the latest row of a
-- (symbol, metric, feed) is found: one descent, whatever the size of the table.

CREATE TABLE market_data_snapshots (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol      text COLLATE "C" NOT NULL,
    asset_class text NOT NULL DEFAULT 'us_equity',
    feed        text COLLATE "C" NOT NULL DEFAULT 'iex',
    metric      text COLLATE "C" NOT NULL,
    price       numeric,
    volume      numeric,
    as_of       timestamptz NOT NULL,
    raw         jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (symbol, metric, feed, as_of)
);

-- One symbol's facts, newest first, whatever the metric.
CREATE INDEX market_data_snapshots_symbol_as_of_idx
    ON market_data_snapshots (symbol, as_of DESC);

-- The newest fact of each symbol, metric and feed, as it was stored. Ask for symbols: each is found by
-- the index.
CREATE VIEW market_data_latest AS
    SELECT DISTINCT ON (symbol, metric, feed)
           id, symbol, asset_class, feed, metric, price, volume, as_of, raw, created_at
    FROM market_data_snapshots
    ORDER BY symbol, metric, feed, as_of DESC;

-- "Signals scanned" counts a day's facts. What retention prunes is found by its age; past daily
-- closes are few, and rules look far back at them: they are kept.
CREATE INDEX market_data_snapshots_created_at ON market_data_snapshots (created_at);
CREATE INDEX market_data_snapshots_prunable ON market_data_snapshots (created_at)
    WHERE metric <> 'daily_close';

-- When each distinct data input was last fetched. Inputs are shared by all users who state the same
-- one, so the cursor belongs to the input and not to a user: a tick touches inputs, not users.
CREATE TABLE ingest_cursors (
    input_key      text COLLATE "C" PRIMARY KEY,
    last_fetch_at  timestamptz NOT NULL
);

-- What the stream of prices brought, as its worker counts it several times a minute: messages since the
-- time before, and since New York's midnight the minutes that were lost and the connections made again.
CREATE TABLE stream_counts (
    only_row            boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    counted_at          timestamptz NOT NULL,
    day                 date NOT NULL,
    messages_per_second double precision NOT NULL,
    dropped             bigint NOT NULL,
    reconnects          bigint NOT NULL
);

-- What a bar said before the feed corrected it: decisions that were made on it stay traceable.
CREATE TABLE market_data_corrections (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    snapshot_id  bigint NOT NULL REFERENCES market_data_snapshots (id) ON DELETE CASCADE,
    price        numeric,
    volume       numeric,
    raw          jsonb,
    corrected_at timestamptz NOT NULL
);
CREATE INDEX market_data_corrections_of_snapshot ON market_data_corrections (snapshot_id);
