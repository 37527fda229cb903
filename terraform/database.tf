# A network for one purpose: functions and builds reach the database's private address.

locals {
  functions_range = "10.10.0.0/22"

  # Cloud Run takes two addresses an instance, for the old revision and the new one while they change.
  addresses_needed = 4 * (sum(values(local.max_instances)) + length(local.stream_users))
  addresses        = pow(2, 32 - tonumber(split("/", local.functions_range)[1])) - 4 # Google keeps four
}

resource "google_compute_network" "this" {
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [time_sleep.apis_answer]
}

resource "google_compute_subnetwork" "functions" {
  #checkov:skip=CKV_GCP_76:the network has no IPv6 addresses to give a private access to
  name                     = "${var.name}-functions"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = local.functions_range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }

  lifecycle {
    precondition {
      condition     = local.addresses_needed <= local.addresses
      error_message = "All instances of two revisions may need ${local.addresses_needed} addresses, and ${local.functions_range} has ${local.addresses}: lower max_instances or take a larger range."
    }
  }
}

# Nothing listens in here.
resource "google_compute_firewall" "deny_ingress" {
  name      = "${var.name}-deny-ingress"
  network   = google_compute_network.this.id
  direction = "INGRESS"
  priority  = 1000

  source_ranges = ["0.0.0.0/0"]
  deny {
    protocol = "all"
  }
}

# Where Google puts the database, and the workers of our builds.
resource "google_compute_global_address" "services" {
  name          = "${var.name}-services"
  network       = google_compute_network.this.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = "10.20.0.0"
  prefix_length = 16
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}

locals {
  # How many connections an instance allows, by its memory in MB (Cloud SQL's own defaults).
  connections_by_memory = { 614 = 25, 1740 = 50, 3840 = 100, 6144 = 200, 7680 = 400, 15360 = 500, 30720 = 600 }

  memory_mb = (
    var.database.tier == "db-f1-micro" ? 614 :
    var.database.tier == "db-g1-small" ? 1740 :
    tonumber(split("-", var.database.tier)[3])
  )
  max_connections = max([for memory, count in local.connections_by_memory : count if tonumber(memory) <= local.memory_mb]...)

  # What the functions can open at most, beside what Postgres, Cloud SQL, a build and an operator need.
  # Of the stream's worker two, while it is replaced.
  function_connections = 2 * local.stream_connections + sum([
    for function, f in local.functions : f.connections * local.max_instances[function]
  ])
  other_connections = 15

  # Postgres knows an account by its address without the last part.
  database_users = { for function in keys(local.functions) : function => trimsuffix(google_service_account.function[function].email, ".gserviceaccount.com") }

  is_dedicated = startswith(var.database.tier, "db-custom-")
}

resource "google_sql_database_instance" "this" {
  #checkov:skip=CKV_GCP_79:a major version is a decision of ours and not a default
  #checkov:skip=CKV_GCP_108:all clients come through the connector, from addresses that have no names
  #checkov:skip=CKV_GCP_110:changes of the schema are logged by log_statement, changes of orders are rows with their reasons; pgAudit would log users' data
  #checkov:skip=CKV2_GCP_13:query insights keeps the durations, without filling the log
  name                = coalesce(var.database.instance, var.name)
  region              = var.region
  database_version    = "POSTGRES_18" # as in every test: the embedded server is an 18 too
  deletion_protection = var.database.deletion_protection

  settings {
    tier                        = var.database.tier
    edition                     = "ENTERPRISE"
    availability_type           = var.database.highly_available && local.is_dedicated ? "REGIONAL" : "ZONAL"
    disk_size                   = var.database.disk_gb
    disk_autoresize             = true
    deletion_protection_enabled = var.database.deletion_protection

    # Only through the connector: an identity, a short-lived certificate, TLS on both sides.
    connector_enforcement = "REQUIRED"

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.this.id
      ssl_mode        = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "07:00" # UTC: between the last push and the first
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.database.backups_kept
      }
    }

    maintenance_window {
      day          = 7
      hour         = 8
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
    }

    database_flags {
      name  = "max_connections"
      value = tostring(local.max_connections)
    }
    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }
    database_flags {
      name  = "log_checkpoints"
      value = "on"
    }
    database_flags {
      name  = "log_connections"
      value = "on"
    }
    database_flags {
      name  = "log_disconnections"
      value = "on"
    }
    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }
    database_flags {
      name  = "log_min_error_statement"
      value = "error"
    }
    database_flags {
      name  = "log_min_messages"
      value = "warning"
    }
    database_flags {
      name  = "log_statement"
      value = "ddl"
    }
  }

  lifecycle {
    precondition {
      condition     = local.function_connections + local.other_connections <= local.max_connections
      error_message = "The functions may open ${local.function_connections} connections (pool size x max instances), and ${local.other_connections} are kept for others, but ${var.database.tier} allows ${local.max_connections}: lower max_instances or take a larger tier."
    }
  }

  depends_on = [google_service_networking_connection.services]
}

resource "google_sql_database" "this" {
  name            = var.name
  instance        = google_sql_database_instance.this.name
  deletion_policy = "ABANDON" # users who own tables keep Postgres from dropping it; the instance goes as a whole
}

# Nobody has a password. What a function may do in the database is granted after each migration
# (infra/postgres/grants.py): data, and no schema.
resource "google_sql_user" "function" {
  for_each = local.functions

  name            = local.database_users[each.key]
  instance        = google_sql_database_instance.this.name
  type            = "CLOUD_IAM_SERVICE_ACCOUNT"
  deletion_policy = "ABANDON"
}

resource "google_sql_user" "operator" {
  name            = trimsuffix(google_service_account.operator.email, ".gserviceaccount.com")
  instance        = google_sql_database_instance.this.name
  type            = "CLOUD_IAM_SERVICE_ACCOUNT"
  deletion_policy = "ABANDON"
}

# Owns the schema: this role may make tables, and gives no right to make roles.
resource "google_sql_user" "deploy" {
  name            = trimsuffix(google_service_account.deploy.email, ".gserviceaccount.com")
  instance        = google_sql_database_instance.this.name
  type            = "CLOUD_IAM_SERVICE_ACCOUNT"
  database_roles  = ["cloudsqlsuperuser"]
  deletion_policy = "ABANDON"
}
