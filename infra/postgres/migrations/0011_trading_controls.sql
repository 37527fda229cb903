-- The kill switch: everybody's (`*`) and each user's. A row that has run out (`until`) counts no more.
CREATE TABLE trading_controls (
    scope  text COLLATE "C" PRIMARY KEY,
    state  text NOT NULL CHECK (state IN ('active', 'reducing', 'halted')),
    reason text NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    until  timestamptz
);

-- Who switched what, when and why; never changed.
CREATE TABLE trading_control_changes (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope  text NOT NULL,
    state  text NOT NULL,
    reason text NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    until  timestamptz
);
