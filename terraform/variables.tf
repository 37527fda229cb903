variable "project_id" {
  description = "The project that everything is put into."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower case letters, digits and dashes, and begins with a letter."
  }
}

variable "region" {
  description = "Where everything runs. Of the regions in which every project may build (docs/deploy.md), the nearest to the broker."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like us-central1; a zone (us-central1-a) is not one."
  }
}

variable "name" {
  description = "What every resource's name begins with."
  type        = string
  default     = "countersign"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,12}$", var.name))
    error_message = "At most 13 lower case letters and digits: with `-reconcile-orders` behind it, it must still be an account's id."
  }

  validation {
    condition     = length("${var.name}-reconcile-orders@${var.project_id}.iam") <= 63
    error_message = "With project_id it is too long: a user of the database, NAME-reconcile-orders@PROJECT_ID.iam, may have 63 characters."
  }
}

# --- who may call from outside

variable "answer_callers" {
  description = "IAM members that may call `answer`; [\"allUsers\"] leaves it to the webhook's signature alone."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.answer_callers : m == "allUsers" || can(regex("^(serviceAccount|user|group):.+@.+$", m))])
    error_message = "Each is allUsers, or serviceAccount:, user: or group: and an address. allAuthenticatedUsers is everybody with a Google account: say allUsers if you mean that."
  }
}

variable "account_api_callers" {
  description = "IAM members that may call `account_api`; [\"allUsers\"] leaves it to the user's Firebase token alone."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.account_api_callers : m == "allUsers" || can(regex("^(serviceAccount|user|group):.+@.+$", m))])
    error_message = "Each is allUsers, or serviceAccount:, user: or group: and an address. allAuthenticatedUsers is everybody with a Google account: say allUsers if you mean that."
  }
}

variable "console_callers" {
  description = "IAM members that may open the console: operators. It shows everybody's trading and turns the kill switch, so that it is never everybody's."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.console_callers : can(regex("^(serviceAccount|user|group):.+@.+$", m))])
    error_message = "Each is serviceAccount:, user: or group: and an address: the console shows everybody's trading."
  }
}

# --- the app backend's side of the topics

variable "app_backend_members" {
  description = "IAM members that may pull questions and trade updates."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.app_backend_members : can(regex("^(serviceAccount|user|group):.+@.+$", m))])
    error_message = "Each is serviceAccount:, user: or group: and an address."
  }
}

variable "app_backend_push_urls" {
  description = "Where to push a topic's messages instead of leaving them to be pulled: {questions-created = \"https://…\"}."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for topic, url in var.app_backend_push_urls : contains(["questions-created", "trade-updates"], topic) && startswith(url, "https://")])
    error_message = "Keys are questions-created and trade-updates; a URL begins with https://."
  }
}

# --- notifications and money

variable "alert_emails" {
  description = "Who hears of alerts and of the budget. An alert that nobody hears is none."
  type        = list(string)

  validation {
    condition     = length(var.alert_emails) > 0 && alltrue([for email in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "At least one address."
  }
}

variable "runbook_url" {
  description = "Where docs/operations.md can be read: alerts link to its headings."
  type        = string
  default     = "docs/operations.md"
}

variable "billing_account" {
  description = "The billing account of the budget (\"000000-000000-000000\"); empty for no budget alert."
  type        = string
  default     = ""

  validation {
    condition     = var.billing_account == "" || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "A billing account looks like 01AB23-CD45EF-678901."
  }
}

variable "monthly_budget" {
  description = "Costs a month, in the billing account's currency, above which the budget alerts (at 50 %, 90 %, 100 %, and when 100 % is forecast)."
  type        = number
  default     = 150

  validation {
    condition     = var.monthly_budget >= 1
    error_message = "At least one unit of the billing account's currency."
  }
}

# --- the pipeline

variable "environment" {
  description = "The name of the file that these answers are in (ENVIRONMENT.tfvars), for the pipeline to plan with."
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.environment)) && var.environment != "terraform"
    error_message = "A file's name without .tfvars: lower case letters, digits and dashes, and not terraform, which is read everywhere."
  }
}

variable "repository" {
  description = "The connected repository to build from (projects/…/locations/…/connections/…/repositories/…); empty for no pipeline."
  type        = string
  default     = ""

  validation {
    condition     = var.repository == "" || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "The full name of a Cloud Build (2nd gen) repository, or nothing."
  }
}

variable "state_bucket" {
  description = "The bucket of Terraform's state (README.md): the pipeline reads and writes it."
  type        = string
  default     = ""

  validation {
    condition     = var.repository == "" || var.state_bucket != ""
    error_message = "A pipeline (repository) needs to know the state_bucket."
  }
}

variable "approvers" {
  description = "IAM members that may approve what the pipeline planned."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.approvers : can(regex("^(user|group):.+@.+$", m))])
    error_message = "Approvers are people: user: or group: and an address."
  }
}

variable "receipt_key_version" {
  description = "Which version of the key signs receipts: a new one after a rotation (docs/receipts.md)."
  type        = number
  default     = 1

  validation {
    condition     = var.receipt_key_version >= 1 && floor(var.receipt_key_version) == var.receipt_key_version
    error_message = "Versions are 1, 2, and so on."
  }
}

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

variable "stream_image" {
  description = "The image of the worker that follows the broker's streams, by its digest or tag (docs/deploy.md). Empty: there is none, and everything is polled."
  type        = string
  default     = ""

  validation {
    condition     = var.stream_image == "" || can(regex("^[a-z0-9.-]+\\.pkg\\.dev/[a-z0-9._/-]+(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$", var.stream_image))
    error_message = "An image of Artifact Registry with its tag or digest: REGION-docker.pkg.dev/PROJECT/REPOSITORY/stream:TAG."
  }
}
