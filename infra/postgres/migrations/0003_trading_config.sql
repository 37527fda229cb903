CREATE TABLE trading_config_templates (
    name       text PRIMARY KEY,
    config     jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- `config_key` is equal for users whose template and override are equal: rules are evaluated once
-- per key, however many users share it.
CREATE TABLE user_trading_config (
    firebase_uid  text PRIMARY KEY REFERENCES users (firebase_uid),
    template_name text REFERENCES trading_config_templates (name),
    config        jsonb NOT NULL DEFAULT '{}',
    enabled       boolean NOT NULL DEFAULT false,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    config_key    text NOT NULL GENERATED ALWAYS AS (
        md5(coalesce(template_name, '') || ' ' || config::text)
    ) STORED
);
CREATE INDEX user_trading_config_by_key ON user_trading_config (config_key) WHERE enabled;

-- `context` holds cursors (when each rule last fired), never the counters that guardrails rely on:
-- those are computed from `trade_orders` under the lock.
CREATE TABLE user_trading_state (
    firebase_uid   text PRIMARY KEY REFERENCES users (firebase_uid),
    last_ingest_at timestamptz,
    last_eval_at   timestamptz,
    context        jsonb NOT NULL DEFAULT '{}',
    updated_at     timestamptz NOT NULL DEFAULT now()
);
