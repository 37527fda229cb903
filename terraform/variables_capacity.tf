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
    condition     = var.database.disk_gb >= 10 && var.database.backups_kept >= 7
    error_message = "A disk has at least 10 GB, and at least 7 daily backups are kept."
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
