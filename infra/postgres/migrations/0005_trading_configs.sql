CREATE TABLE trading_config_templates (
    name       text COLLATE "C" PRIMARY KEY,
    config     jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- `config_key` is equal for users whose template and override are equal: rules are evaluated once
-- per key, however many users share it.
CREATE TABLE user_trading_config (
    firebase_uid  text COLLATE "C" PRIMARY KEY REFERENCES users (firebase_uid),
    template_name text REFERENCES trading_config_templates (name),
    config        jsonb NOT NULL DEFAULT '{}',
    enabled       boolean NOT NULL DEFAULT false,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    config_key    text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        md5(coalesce(template_name, '') || ' ' || config::text)
    ) STORED
);
CREATE INDEX user_trading_config_by_key ON user_trading_config (config_key, firebase_uid)
    WHERE enabled;

-- `context` holds when each rule last fired, never the counters that guardrails rely on: those are
-- computed from `trade_orders` under the lock. The view `user_trading_state` shows it all together, and
-- the app may write there. One of another shape would fail the statement that asks many users at once.
-- Its user is one of a config, and is not looked up once more for each of a million.
CREATE TABLE trading_cursors (
    firebase_uid text COLLATE "C" PRIMARY KEY,
    last_eval_at timestamptz,
    context      jsonb NOT NULL DEFAULT '{}' CHECK (
        jsonb_typeof(context) = 'object'
        AND jsonb_typeof(coalesce(context -> 'last_fired', '{}')) = 'object'
    ),
    updated_at   timestamptz NOT NULL DEFAULT now()
);

-- What each config of enabled users watches, by the input's id in it; `input_key` is that of
-- `ingest_cursors`. A config that would exceed the server's cap of symbols is not among them.
CREATE TABLE config_inputs (
    config_key text COLLATE "C" NOT NULL,
    input_id   text COLLATE "C" NOT NULL,
    input_key  text NOT NULL,
    symbols    text[] NOT NULL,
    poll_interval_seconds integer NOT NULL,
    PRIMARY KEY (config_key, input_id)
);

-- What a new user starts from: paper money, three well-known symbols, one cautious rule.
INSERT INTO trading_config_templates (name, config) VALUES ('default_paper_watchlist', '{
  "version": 1,
  "enabled": true,
  "mode": "paper",
  "data_inputs": [
    {
      "id": "primary_watchlist",
      "source": "alpaca",
      "asset_class": "us_equity",
      "symbols": ["AAPL", "MSFT", "SPY"],
      "feed": "iex",
      "poll_interval_seconds": 60,
      "metrics": ["last_trade", "daily_bar", "prev_close"]
    }
  ],
  "rules": [
    {
      "id": "dip_confirm",
      "type": "price_below_pct_of_ref",
      "symbol": "SPY",
      "ref_metric": "prev_close",
      "threshold_pct": -1.5,
      "question_template": "SPY is down {{pct}}% vs yesterday. Swipe +10 to approve a small buy, -10 to skip.",
      "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10}
    }
  ],
  "guardrails": {
    "max_orders_per_day": 3,
    "max_notional_usd_per_4h": 100,
    "require_question_before_order": true,
    "symbols_blocklist": []
  }
}');
