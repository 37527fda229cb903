variable "database" {
  description = "The Postgres instance. `db-custom-CPUS-MB` (dedicated), or db-f1-micro / db-g1-small for a trial."
  type = object({
    tier                = optional(string, "db-custom-1-3840")
    disk_gb             = optional(number, 10)
    highly_available    = optional(bool, true)
    deletion_protection = optional(bool, true)
    backups_kept        = optional(number, 30)
    instance            = optional(string, "") # another name than the deployment's, after a restore
  })
  default = {}

  validation {
    condition     = can(regex("^(db-f1-micro|db-g1-small|db-custom-[0-9]+-[0-9]+)$", var.database.tier))
    error_message = "A tier is db-f1-micro, db-g1-small or db-custom-CPUS-MB."
  }

  validation {
    condition = alltrue([
      for size in regexall("^db-custom-([0-9]+)-([0-9]+)$", var.database.tier) :
      contains(concat([1], range(2, 98, 2)), tonumber(size[0])) &&
      size[1] >= 3840 && size[1] % 256 == 0 && size[1] >= size[0] * 0.9 * 1024 && size[1] <= size[0] * 6.5 * 1024
    ])
    error_message = "db-custom-CPUS-MB: one CPU or an even number up to 96, and a memory of 0.9 to 6.5 GB each, of at least 3840 MB, that 256 divides."
  }

  validation {
    condition     = var.database.disk_gb >= 10 && var.database.backups_kept >= 7 && var.database.backups_kept <= 365
    error_message = "A disk has at least 10 GB, and 7 to 365 daily backups are kept."
  }
}

variable "max_instances" {
  description = "Overrides of how many instances of a function may run at once: {answer = 10}. Each holds database connections."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for function in keys(var.max_instances) : contains(keys(local.functions), function)])
    error_message = "Names a function that is not there."
  }

  validation {
    condition     = alltrue([for count in values(var.max_instances) : count >= 1 && count == floor(count)])
    error_message = "At least one instance each; a function is switched off by its settings, not by this."
  }
}

variable "min_instances" {
  description = "How many instances of a function are kept warm: {answer = 1}. A new one may reach no database for a minute; a warm one costs about 10 US dollars a month (docs/deploy.md)."
  type        = map(number)
  default     = { answer = 1 }

  validation {
    condition     = alltrue([for function in keys(var.min_instances) : contains(keys(local.functions), function)])
    error_message = "Names a function that is not there."
  }

  validation {
    condition     = alltrue([for function, count in var.min_instances : count >= 0 && count == floor(count) && count <= lookup(local.max_instances, function, count)])
    error_message = "A whole number each, not above the function's max_instances."
  }
}
