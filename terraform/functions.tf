# Every function and what it needs. Accounts, grants, subscriptions and connections follow from this
# table; tests/terraform compares it with what the code uses.
#
#   topic        pushes to it, else a schedule calls it (infra/schedules.yaml), or a caller
#   callers      who may call it from outside; only these three functions are reachable from there
#   secrets      what it may read
#   relays       whether it publishes: whoever does publishes whatever the outbox holds, on any topic
#   signs        whether it signs receipts
#   connections  to the database, per instance (DATABASE_POOL_SIZE)
locals {
  functions = {
    ingest = {
      secrets = ["ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"]
      relays  = true, memory = "512Mi", instances = 1, concurrency = 1, connections = 2
    }
    evaluate = {
      topic   = "snapshots-ingested"
      secrets = []
      relays  = true, memory = "512Mi", instances = 1, concurrency = 1, connections = 2, timeout = 60
    }
    ask = {
      topic   = "rules-fired"
      secrets = []
      relays  = true, memory = "512Mi", instances = 4, concurrency = 1, connections = 2, timeout = 60
    }
    answer = {
      callers = var.answer_callers
      secrets = ["ANSWER_WEBHOOK_SECRET"]
      relays  = true, memory = "512Mi", instances = 4, concurrency = 8, connections = 4, timeout = 30
    }
    submit_order = {
      topic   = "orders-approved"
      secrets = ["ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"]
      relays  = true, memory = "512Mi", instances = 8, concurrency = 1, connections = 2, timeout = 60
    }
    reconcile_orders = {
      secrets = ["ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"]
      relays  = true, memory = "512Mi", instances = 1, concurrency = 1, connections = 2
    }
    push_snapshot = {
      secrets = concat(["INTERNAL_TOKEN", "SIGNING_SECRET"], local.has_fallback ? ["CLOUDFLARE_API_TOKEN"] : [])
      relays  = false, memory = "1Gi", instances = 2, concurrency = 1, connections = 2
    }
    relay_outbox = {
      secrets = []
      relays  = true, memory = "512Mi", instances = 1, concurrency = 1, connections = 4
    }
    console = {
      callers = var.console_callers
      secrets = []
      signs   = true
      relays  = false, memory = "512Mi", instances = 1, concurrency = 8, connections = 2, timeout = 30
    }
    account_api = {
      callers = var.account_api_callers
      secrets = ["ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"] # a user may cancel at the broker
      signs   = true
      relays  = true, memory = "512Mi", instances = 4, concurrency = 16, connections = 4, timeout = 30
    }
  }

  has_fallback = var.cloudflare.d1_database_id != ""

  names         = { for function in keys(local.functions) : function => "${var.name}-${replace(function, "_", "-")}" }
  max_instances = { for function, f in local.functions : function => lookup(var.max_instances, function, f.instances) }

  # A scheduled function may run as long as its schedule waits for it.
  timeouts = {
    for function, f in local.functions : function => try(f.timeout, max([
      for job in local.schedules : job.attempt_deadline_seconds if job.function == function
    ]...))
  }
}

resource "google_cloudfunctions2_function" "this" {
  #checkov:skip=CKV_GCP_124:three functions are there to be called from outside; tests/terraform asserts that the others admit nobody
  for_each = local.functions

  name        = local.names[each.key]
  location    = var.region
  description = "Countersign: ${each.key}"

  build_config {
    runtime           = "python313"
    entry_point       = each.key
    docker_repository = google_artifact_registry_repository.images.id
    service_account   = google_service_account.function_build.id

    # The buildpack runs `pip install -r requirements.txt`: as locked, and nothing that pip would choose.
    environment_variables = { PIP_NO_DEPS = "1" }

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    available_memory                 = each.value.memory
    available_cpu                    = "1"
    timeout_seconds                  = local.timeouts[each.key]
    min_instance_count               = lookup(var.min_instances, each.key, 0)
    max_instance_count               = local.max_instances[each.key]
    max_instance_request_concurrency = each.value.concurrency
    service_account_email            = google_service_account.function[each.key].email
    ingress_settings                 = can(each.value.callers) ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    environment_variables            = merge(local.settings, local.own_settings[each.key])

    # The database's private address is reached through the subnet; the broker, the dashboard and
    # Google's APIs over the internet, as from anywhere.
    direct_vpc_egress = "VPC_EGRESS_PRIVATE_RANGES_ONLY"
    direct_vpc_network_interface {
      network    = google_compute_network.this.id
      subnetwork = google_compute_subnetwork.functions.id
    }
  }

  depends_on = [
    google_project_iam_member.function_build,
    time_sleep.apis_answer,
    google_secret_manager_secret_iam_member.reads,
    google_kms_crypto_key_iam_member.signs,
    google_sql_user.function,
  ]
}
