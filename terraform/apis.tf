# Everything waits until the APIs answer: one that was just enabled refuses calls for a while.

locals {
  apis = toset([
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "serviceusage.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
  ])
}

resource "google_project_service" "this" {
  for_each = local.apis

  service            = each.key
  disable_on_destroy = false # others may use it
}

resource "time_sleep" "apis_answer" {
  create_duration = "60s"

  triggers = { apis = join(" ", [for api in google_project_service.this : api.service]) }
}

# Pub/Sub's own account is made when it is first needed, and nothing can be granted to an account that
# does not exist.
resource "google_project_service_identity" "pubsub" {
  provider = google-beta

  project = var.project_id
  service = "pubsub.googleapis.com"

  depends_on = [time_sleep.apis_answer]
}

resource "time_sleep" "pubsub_agent_is_known" {
  create_duration = "30s"

  triggers = { member = google_project_service_identity.pubsub.member }
}

locals {
  pubsub_agent = time_sleep.pubsub_agent_is_known.triggers["member"]
}
