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
