-- What is shared between orders in flight: the broker's answers, and the requests that it allows.

-- The newest answer to a question that several orders ask, by its path; and the orders that were
-- approved when it was asked for.
CREATE TABLE broker_answers (
    path       text COLLATE "C" PRIMARY KEY,
    answer     jsonb NOT NULL,
    read_at    timestamptz NOT NULL,
    counts_for uuid[] NOT NULL DEFAULT '{}'
);

-- Requests that were made, or are about to be, in each second; what is older than the broker's minute
-- is removed.
CREATE TABLE request_budget (
    second timestamptz PRIMARY KEY,
    used   integer NOT NULL CHECK (used > 0)
);

-- The limit as the broker's response headers state it (`X-RateLimit-*`).
CREATE TABLE request_limit (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    per_minute integer NOT NULL,
    remaining  integer NOT NULL,
    resets_at  timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);
