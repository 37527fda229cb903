-- A rule that fired for a user, with everything it saw. Its user is seen to by another row of the same
-- statement (`questions`, `trade_orders`), and is not looked up once more for each of a million.
CREATE TABLE opportunities (
    id           uuid PRIMARY KEY,
    firebase_uid text COLLATE "C" NOT NULL,
    rule_id      text COLLATE "C" NOT NULL,
    rule_type    text NOT NULL,
    symbol       text COLLATE "C" NOT NULL,
    price        numeric NOT NULL,
    reference    numeric,
    pct          numeric,
    as_of        timestamptz NOT NULL,
    snapshot_ids bigint[] NOT NULL,
    config_hash  text NOT NULL,
    fired_at     timestamptz NOT NULL,
    UNIQUE (firebase_uid, rule_id, symbol, as_of)
);
CREATE INDEX opportunities_fired_at ON opportunities (fired_at);
