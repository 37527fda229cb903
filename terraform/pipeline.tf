# The pipeline (docs/deploy.md): every push to main is tested and planned by an account that can only
# look; what it planned is applied by another one, after a person approved. A third trigger runs an
# operator's command where the database can be reached.

locals {
  has_pipeline = var.repository != ""

  # What a command needs to know, as `env` takes it.
  command_settings = { for user in ["deploy", "operator"] : user => join(" ", [
    for name, value in merge(
      local.settings,
      local.has_fallback ? local.fallback : {},
      local.secret_names,
      { RECEIPT_KMS_KEY = local.receipt_key },
      { DB_USER = user == "deploy" ? google_sql_user.deploy.name : google_sql_user.operator.name },
    ) : "${name}=${value}"
  ]) }
}

# Workers inside the network: the database has no other door.
resource "google_cloudbuild_worker_pool" "this" {
  count = local.has_pipeline ? 1 : 0 # some projects have no quota for it; nothing else needs it

  #checkov:skip=CKV_GCP_86:they fetch packages and providers from the internet; nothing can connect to them
  name     = var.name
  location = var.region

  worker_config {
    machine_type = "e2-standard-2"
    disk_size_gb = 100
  }

  network_config {
    peered_network          = google_compute_network.this.id
    peered_network_ip_range = "/24"
  }

  depends_on = [google_service_networking_connection.services]
}

resource "google_storage_bucket" "plans" {
  #checkov:skip=CKV_GCP_62:who reads a plan is in the project's audit log; a bucket of access logs adds nothing
  name                        = "${var.project_id}-${var.name}-plans"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true # what was approved cannot be replaced unseen
  }

  lifecycle_rule {
    condition {
      age = 30
    }
    action {
      type = "Delete"
    }
  }

  depends_on = [time_sleep.apis_answer]
}

resource "google_cloudbuild_trigger" "verify" {
  count = local.has_pipeline ? 1 : 0

  name            = "${var.name}-verify"
  location        = var.region
  description     = "Tests and plans every push to main; changes nothing"
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.verify.id

  repository_event_config {
    repository = var.repository

    push {
      branch = "^main$"
    }
  }

  substitutions = {
    _ENVIRONMENT  = var.environment
    _STATE_BUCKET = var.state_bucket
    _PLANS        = google_storage_bucket.plans.url
  }
}

resource "google_cloudbuild_trigger" "apply" {
  count = local.has_pipeline ? 1 : 0

  name            = "${var.name}-apply"
  location        = var.region
  description     = "Migrates and applies the plan _PLAN (a build's id), once it is approved"
  service_account = google_service_account.deploy.id

  approval_config {
    approval_required = true
  }

  git_file_source {
    path       = "cloudbuild.apply.yaml"
    repository = var.repository
    revision   = "refs/heads/main"
    repo_type  = "UNKNOWN"
  }

  source_to_build {
    repository = var.repository
    ref        = "refs/heads/main"
    repo_type  = "UNKNOWN"
  }

  substitutions = {
    _STATE_BUCKET = var.state_bucket
    _PLANS        = google_storage_bucket.plans.url
    _PLAN         = "none"
    _POOL         = google_cloudbuild_worker_pool.this[0].id
    _SETTINGS     = local.command_settings["deploy"]
    _USERS        = join(" ", concat(values(local.database_users), local.stream_users, [google_sql_user.operator.name]))
  }
}

resource "google_cloudbuild_trigger" "operate" {
  count = local.has_pipeline ? 1 : 0

  name            = "${var.name}-operate"
  location        = var.region
  description     = "Runs `countersign _COMMAND` where the database can be reached"
  service_account = google_service_account.operator.id

  git_file_source {
    path       = "cloudbuild.operate.yaml"
    repository = var.repository
    revision   = "refs/heads/main"
    repo_type  = "UNKNOWN"
  }

  source_to_build {
    repository = var.repository
    ref        = "refs/heads/main"
    repo_type  = "UNKNOWN"
  }

  substitutions = {
    _COMMAND  = "doctor"
    _POOL     = google_cloudbuild_worker_pool.this[0].id
    _SETTINGS = local.command_settings["operator"]
  }
}

# Three accounts: one looks, one changes everything but only after an approval, one operates.

locals {
  deploy_roles = [
    "roles/artifactregistry.admin",
    "roles/cloudbuild.builds.editor",
    "roles/cloudbuild.workerPoolOwner",
    "roles/cloudfunctions.admin",
    "roles/cloudkms.admin",
    "roles/cloudscheduler.admin",
    "roles/cloudsql.admin",
    "roles/cloudsql.instanceUser",
    "roles/compute.networkAdmin",
    "roles/compute.securityAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountUser",
    "roles/logging.configWriter",
    "roles/logging.logWriter",
    "roles/monitoring.admin",
    "roles/pubsub.admin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.admin",
  ]

  operator_roles = concat(local.database_roles, [
    "roles/cloudscheduler.admin",
    "roles/logging.logWriter",
    "roles/pubsub.viewer",
  ])
}

resource "google_project_iam_member" "verify" {
  #checkov:skip=CKV_GCP_117:planning reads every kind of resource; a viewer reads no secret's value and no row
  for_each = toset([
    "roles/iam.securityReviewer",
    "roles/logging.logWriter",
    "roles/serviceusage.serviceUsageConsumer", # calls are billed to this project
    "roles/viewer",
  ])

  project = var.project_id
  role    = each.key
  member  = google_service_account.verify.member
}

resource "google_project_iam_member" "deploy" {
  #checkov:skip=CKV_GCP_41:it deploys functions as the accounts that it makes; every build of it is approved by a person
  #checkov:skip=CKV_GCP_49:it makes the accounts that this folder describes; every build of it is approved by a person
  for_each = toset(local.deploy_roles)

  project = var.project_id
  role    = each.key
  member  = google_service_account.deploy.member
}

resource "google_project_iam_member" "operator" {
  for_each = toset(local.operator_roles)

  project = var.project_id
  role    = each.key
  member  = google_service_account.operator.member
}

# `countersign doctor` reads each secret once, to say whether it is there and whole.
resource "google_secret_manager_secret_iam_member" "operator_reads" {
  for_each = google_secret_manager_secret.this

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.operator.member
}

resource "google_project_iam_member" "approver" {
  for_each = toset(var.approvers)

  project = var.project_id
  role    = "roles/cloudbuild.builds.approver"
  member  = each.key

  depends_on = [time_sleep.apis_answer]
}

# The state: one may look, one may write. Planning looks without a lock.
resource "google_storage_bucket_iam_member" "state" {
  for_each = var.state_bucket == "" ? {} : {
    "roles/storage.objectViewer" = google_service_account.verify.member
    "roles/storage.objectUser"   = google_service_account.deploy.member
  }

  bucket = var.state_bucket
  role   = each.key
  member = each.value
}

resource "google_storage_bucket_iam_member" "verify_keeps_plans" {
  bucket = google_storage_bucket.plans.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.verify.member
}
