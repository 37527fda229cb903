# Who may become a user, and how much all users together, and each caller, may take.

variable "enrollment" {
  description = "Who may become a user: closed (nobody), allow_list, claim (a true claim of that name in the Firebase token) or open (everybody)."
  type = object({
    mode       = optional(string, "closed")
    allow_list = optional(list(string), [])
    claim      = optional(string, "countersign")
  })
  default = {}

  validation {
    condition     = contains(["closed", "allow_list", "claim", "open"], var.enrollment.mode)
    error_message = "mode is one of closed, allow_list, claim, open."
  }
}

variable "server_ceilings" {
  description = "What all users together cannot exceed."
  type = object({
    orders_per_day       = optional(number, 200)
    notional_usd_per_day = optional(number, 100000)
    notional_usd_per_4h  = optional(number, 50000)
    symbols              = optional(number, 2000)
  })
  default = {}

  validation {
    condition     = var.server_ceilings.symbols >= 1 && var.server_ceilings.notional_usd_per_day > 0 && var.server_ceilings.notional_usd_per_4h > 0 && var.server_ceilings.orders_per_day >= 0
    error_message = "Amounts and symbols are above zero, orders_per_day is not negative."
  }
}

variable "config_costs" {
  description = "What one user's config may cost everybody: requests a minute of the broker's data, and facts looked at in an evaluation."
  type = object({
    data_requests_per_minute = optional(number, 50)
    evaluation_cost          = optional(number, 100000)
  })
  default = {}

  validation {
    condition     = var.config_costs.data_requests_per_minute >= 1 && var.config_costs.evaluation_cost >= 1
    error_message = "Both are at least 1."
  }
}

variable "caller_limits" {
  description = "What one caller may ask of one instance of a public function."
  type = object({
    requests_per_minute = optional(number, 1200)
    requests_at_once    = optional(number, 3)
  })
  default = {}

  validation {
    condition     = var.caller_limits.requests_per_minute >= 1 && var.caller_limits.requests_at_once >= 1
    error_message = "Both are at least 1."
  }
}
