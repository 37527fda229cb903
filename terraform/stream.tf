# The worker that follows the broker's streams (docs/broker.md, Streams), where `stream_image` names its
# image (docs/deploy.md). Without it everything is polled: nothing waits for it.
locals {
  has_stream         = var.stream_image != ""
  stream_name        = "${var.name}-stream"
  stream_connections = local.has_stream ? 5 : 0 # CONNECTIONS of infra/worker/streams.py
  stream_secrets     = toset(local.has_stream ? ["ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"] : [])
  stream_users       = [for account in google_service_account.stream : trimsuffix(account.email, ".gserviceaccount.com")]

  stream_settings = merge(
    local.settings,
    { DB_USER = one(local.stream_users) },
    { for secret in local.stream_secrets : secret => local.secret_names[secret] },
  )
}

resource "google_cloud_run_v2_worker_pool" "stream" {
  count = local.has_stream ? 1 : 0

  name                = local.stream_name
  location            = var.region
  description         = "Countersign: follows the broker's streams"
  deletion_protection = false # it holds nothing

  template {
    service_account = google_service_account.stream[0].email

    containers {
      image = var.stream_image

      resources {
        limits = { cpu = "1", memory = "512Mi" }
      }

      dynamic "env" {
        for_each = local.stream_settings
        content {
          name  = env.key
          value = env.value
        }
      }
    }

    # As the functions: the database's private address through the subnet, the rest over the internet.
    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"
      network_interfaces {
        network    = google_compute_network.this.id
        subnetwork = google_compute_subnetwork.functions.id
      }
    }
  }

  # One leads; while it is replaced, the new one waits for the old one's lock.
  scaling {
    manual_instance_count = 1
  }

  depends_on = [
    google_project_iam_member.stream,
    google_pubsub_topic_iam_member.stream_publishes,
    google_secret_manager_secret_iam_member.stream_reads,
    google_sql_user.stream,
    time_sleep.apis_answer,
  ]
}

resource "google_service_account" "stream" {
  count = local.has_stream ? 1 : 0

  account_id   = local.stream_name
  display_name = "Countersign: follows the broker's streams"

  depends_on = [time_sleep.apis_answer]
}

# It stores as itself, announces as whoever publishes, and reads the broker's keys: nothing calls it.
resource "google_project_iam_member" "stream" {
  for_each = toset(local.has_stream ? local.database_roles : [])

  project = var.project_id
  role    = each.key
  member  = google_service_account.stream[0].member
}

resource "google_pubsub_topic_iam_member" "stream_publishes" {
  for_each = toset(local.has_stream ? local.topics : [])

  topic  = google_pubsub_topic.this[each.key].id
  role   = "roles/pubsub.publisher"
  member = google_service_account.stream[0].member
}

resource "google_secret_manager_secret_iam_member" "stream_reads" {
  for_each = local.stream_secrets

  secret_id = google_secret_manager_secret.this[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.stream[0].member
}

resource "google_sql_user" "stream" {
  count = local.has_stream ? 1 : 0

  name            = local.stream_users[0]
  instance        = google_sql_database_instance.this.name
  type            = "CLOUD_IAM_SERVICE_ACCOUNT"
  deletion_policy = "ABANDON"
}
