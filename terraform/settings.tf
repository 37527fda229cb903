# The environment of the functions (infra/runtime/settings.py). tests/terraform fails when a setting is
# neither here nor in its list of settings that a deployment leaves at their defaults.
locals {
  settings = {
    GOOGLE_CLOUD_PROJECT = var.project_id
    GOOGLE_CLOUD_REGION  = var.region
    DEPLOYMENT_NAME      = var.name

    CLOUD_SQL_INSTANCE = google_sql_database_instance.this.connection_name
    CLOUD_SQL_IP       = "private"
    DB_NAME            = google_sql_database.this.name

    TRADING_ENABLED               = tostring(var.trading_enabled)
    TRADING_WORKER_INGEST_ENABLED = tostring(var.workers.ingest)
    TRADING_WORKER_EVAL_ENABLED   = tostring(var.workers.evaluate)
    QUESTION_PIPELINE_TEST_MODE   = tostring(var.test_mode)

    ALPACA_TRADING_BASE_URL   = var.live_trading ? "https://api.alpaca.markets" : "https://paper-api.alpaca.markets"
    ALPACA_DATA_BASE_URL      = "https://data.alpaca.markets"
    ALPACA_DATA_FEED          = var.data_feed
    ALPACA_ALLOW_LIVE         = tostring(var.live_trading)
    ALPACA_ALLOW_UNASKED_LIVE = tostring(var.allow_unasked_live)

    HARD_MAX_ORDER_NOTIONAL_USD          = tostring(var.ceilings.order_notional_usd)
    HARD_MAX_ORDERS_PER_DAY              = tostring(var.ceilings.orders_per_day)
    HARD_MAX_NOTIONAL_USD_PER_4H         = tostring(var.ceilings.notional_usd_per_4h)
    MAX_STREAM_SYMBOLS                   = tostring(var.ceilings.stream_symbols)
    MAX_DATA_REQUESTS_PER_MINUTE         = tostring(var.config_costs.data_requests_per_minute)
    MAX_EVALUATION_COST                  = tostring(var.config_costs.evaluation_cost)
    HARD_MAX_SERVER_ORDERS_PER_DAY       = tostring(var.server_ceilings.orders_per_day)
    HARD_MAX_SERVER_NOTIONAL_USD_PER_DAY = tostring(var.server_ceilings.notional_usd_per_day)
    HARD_MAX_SERVER_NOTIONAL_USD_PER_4H  = tostring(var.server_ceilings.notional_usd_per_4h)
    HARD_MAX_SERVER_SYMBOLS              = tostring(var.server_ceilings.symbols)
    MAX_CALLER_REQUESTS_PER_MINUTE       = tostring(var.caller_limits.requests_per_minute)
    MAX_CALLER_REQUESTS_AT_ONCE          = tostring(var.caller_limits.requests_at_once)
    ENROLLMENT                           = var.enrollment.mode
    ENROLLMENT_ALLOW_LIST                = join(",", var.enrollment.allow_list)
    ENROLLMENT_CLAIM                     = var.enrollment.claim

    MV_KPI_TABLE       = var.kpi_views.kpis
    MV_SERIES_TABLE    = var.kpi_views.series
    MV_EXTREMES_TABLE  = var.kpi_views.extremes
    MV_PORTFOLIO_TABLE = var.kpi_views.portfolio

    HAIPHEN_API_URL     = var.dashboard_url
    FIREBASE_PROJECT_ID = var.firebase_project_id
    ALLOWED_ORIGINS     = join(",", var.allowed_origins)
  }

  fallback = {
    CLOUDFLARE_ACCOUNT_ID = var.cloudflare.account_id
    D1_DATABASE_ID        = var.cloudflare.d1_database_id
  }

  # A secret's setting is where it is kept: the function reads it there, so that a new version needs
  # no new deployment.
  own_settings = {
    for function, f in local.functions : function => merge(
      {
        DATABASE_POOL_SIZE = tostring(f.connections)
        DB_USER            = local.database_users[function]
      },
      # As many as are let in, or some would wait although one caller cannot take them all.
      f.concurrency > 1 ? { THREADS = tostring(f.concurrency) } : {},
      # Where the fallback is; it goes with its token, all or nothing.
      contains(f.secrets, "CLOUDFLARE_API_TOKEN") ? local.fallback : {},
      contains(local.signing, function) ? { RECEIPT_KMS_KEY = local.receipt_key } : {},
      { for secret in f.secrets : secret => local.secret_names[secret] },
    )
  }
}
