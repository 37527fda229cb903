# What the functions are told (infra/runtime/settings.py). Everything here is safe as it stands: nothing
# trades until trading_enabled, and nothing spends real money until live_trading.

variable "trading_enabled" {
  description = "Whether market data is fetched, rules are evaluated and approved orders submitted at all."
  type        = bool
  default     = false
}

variable "workers" {
  description = "Which halves of a tick run once trading_enabled is true: fetching market data, and evaluating rules."
  type = object({
    ingest   = optional(bool, true)
    evaluate = optional(bool, true)
  })
  default = {}
}

variable "test_mode" {
  description = "QUESTION_PIPELINE_TEST_MODE: trade without any broker, at the prices of `countersign fixtures load`. Every order is fake."
  type        = bool
  default     = false

  validation {
    condition     = !(var.test_mode && var.live_trading)
    error_message = "Either test_mode or live_trading: fake orders and real money do not go together."
  }
}

variable "live_trading" {
  description = "Whether orders go to the live account, spending real money, instead of the paper account."
  type        = bool
  default     = false
}

variable "live_trading_confirmation" {
  description = "Must be \"orders of PROJECT_ID spend real money\" for live_trading: a switch copied between files is not enough."
  type        = string
  default     = ""

  validation {
    condition     = !var.live_trading || var.live_trading_confirmation == "orders of ${var.project_id} spend real money"
    error_message = "live_trading is set, so live_trading_confirmation must say: orders of PROJECT_ID spend real money."
  }
}

variable "allow_unasked_live" {
  description = "Whether a config may let live orders go without a question."
  type        = bool
  default     = false

  validation {
    condition     = !var.allow_unasked_live || var.live_trading
    error_message = "allow_unasked_live means nothing without live_trading: set both or neither."
  }
}

variable "ceilings" {
  description = "What no user's config can raise."
  type = object({
    order_notional_usd  = optional(number, 1000)
    orders_per_day      = optional(number, 20)
    notional_usd_per_4h = optional(number, 5000)
    stream_symbols      = optional(number, 30)
  })
  default = {}

  validation {
    condition     = var.ceilings.order_notional_usd > 0 && var.ceilings.notional_usd_per_4h > 0 && var.ceilings.orders_per_day >= 0 && var.ceilings.stream_symbols >= 1
    error_message = "Amounts are above zero, orders_per_day is not negative, stream_symbols is at least 1."
  }

  validation {
    condition     = var.ceilings.orders_per_day == floor(var.ceilings.orders_per_day) && var.ceilings.stream_symbols == floor(var.ceilings.stream_symbols)
    error_message = "orders_per_day and stream_symbols are whole numbers."
  }
}

variable "data_feed" {
  description = "Alpaca's feed of stock prices; anything but iex needs a subscription."
  type        = string
  default     = "iex"

  validation {
    condition     = contains(["iex", "sip", "delayed_sip"], var.data_feed)
    error_message = "One of iex, sip, delayed_sip."
  }
}

variable "dashboard_url" {
  description = "The dashboard's API (HAIPHEN_API_URL), without a path."
  type        = string

  validation {
    condition     = can(regex("^https://[^/ ]+$", var.dashboard_url))
    error_message = "https:// and a host: the path is SNAPSHOT_ENDPOINT."
  }
}

variable "kpi_views" {
  description = "The materialized views that the snapshot is read from (MV_*_TABLE, docs/kpis.md)."
  type = object({
    kpis      = optional(string, "utils_statistics.daily_trade_kpis_mv")
    series    = optional(string, "utils_statistics.daily_trade_series_mv")
    extremes  = optional(string, "utils_statistics.daily_trade_extremes_mv")
    portfolio = optional(string, "utils_statistics.daily_trade_portfolio_mv")
  })
  default = {}

  validation {
    condition = alltrue([
      for view in values(var.kpi_views) : can(regex("^[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*)?$", view))
    ])
    error_message = "Names in lower case, with their schema: schema.view."
  }
}

variable "cloudflare" {
  description = "The D1 database that takes a snapshot when the dashboard's API cannot; empty for no fallback."
  type = object({
    account_id     = string
    d1_database_id = string
  })
  default = { account_id = "", d1_database_id = "" }

  validation {
    condition     = (var.cloudflare.account_id == "") == (var.cloudflare.d1_database_id == "")
    error_message = "Both ids or neither."
  }
}

variable "firebase_project_id" {
  description = "The Firebase project whose ID tokens account_api accepts."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.firebase_project_id))
    error_message = "A Firebase project's id has 6 to 30 lower case letters, digits and dashes."
  }
}

variable "allowed_origins" {
  description = "Origins of the web pages that may call account_api from a browser; none unless said."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^https://[a-z0-9.-]+(:[0-9]{1,5})?$", origin))])
    error_message = "An origin is https:// and a host, without a path."
  }
}
