-- The last outcome of each rule, per distinct config and symbol: why it fired or why it did not,
-- with the numbers it saw, and how many users it could and could not ask. `fires` counts the
-- evaluations of that New York day at which it fired.
CREATE TABLE rule_status (
    config_key   text COLLATE "C" NOT NULL,
    rule_id      text COLLATE "C" NOT NULL,
    symbol       text COLLATE "C" NOT NULL,
    outcome      text NOT NULL,
    observed     jsonb NOT NULL DEFAULT '{}',
    asked        integer NOT NULL DEFAULT 0,
    held_back    jsonb NOT NULL DEFAULT '{}',
    fires        integer NOT NULL DEFAULT 0,
    evaluated_at timestamptz NOT NULL,
    PRIMARY KEY (config_key, rule_id, symbol)
);
-- A config that was changed leaves its old key behind.
CREATE INDEX rule_status_evaluated_at ON rule_status (evaluated_at);

-- Configs that the last evaluation left out, so that the others go on: invalid, too expensive, or
-- failing whenever they are evaluated.
CREATE TABLE set_aside_configs (
    config_key text COLLATE "C" PRIMARY KEY,
    reason     text NOT NULL,
    since      timestamptz NOT NULL
);

-- Rows of other tables that a function left out, so that the rest went on: which, whose and why.
CREATE TABLE set_aside_rows (
    kind         text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,
    firebase_uid text COLLATE "C",
    symbol       text,
    rule_id      text,
    reason       text NOT NULL,
    since        timestamptz NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX set_aside_rows_of_user ON set_aside_rows (firebase_uid);
