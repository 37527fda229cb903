# One identity per function, and one for each of the platform's hands.

resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = local.names[each.key]
  display_name = "Countersign: ${each.key}"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "scheduler" {
  account_id   = "${var.name}-scheduler"
  display_name = "Countersign: what Cloud Scheduler calls as"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "push" {
  account_id   = "${var.name}-push"
  display_name = "Countersign: what Pub/Sub pushes as"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "function_build" {
  account_id   = "${var.name}-images"
  display_name = "Countersign: builds the functions' images"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "operator" {
  account_id   = "${var.name}-operator"
  display_name = "Countersign: runs an operator's commands inside the network"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "verify" {
  account_id   = "${var.name}-verify"
  display_name = "Countersign: tests and plans, and can only look"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "deploy" {
  account_id   = "${var.name}-deploy"
  display_name = "Countersign: migrates and applies what was approved"

  depends_on = [time_sleep.apis_answer]
}

# Who may call what. Outside callers reach three functions only; everything else is called by Cloud
# Scheduler or Pub/Sub, each as an account that can do nothing else.

locals {
  scheduled = toset([for job in local.schedules : job.function])
  events    = { for function, f in local.functions : function => f.topic if can(f.topic) }

  outside_callers = merge([
    for function, f in local.functions : {
      for member in try(f.callers, []) : "${function} ${member}" => { function = function, member = member }
    }
  ]...)
}

resource "google_cloud_run_service_iam_member" "scheduler_invokes" {
  for_each = local.scheduled

  location = google_cloudfunctions2_function.this[each.key].location
  service  = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler.member
}

resource "google_cloud_run_service_iam_member" "push_invokes" {
  for_each = local.events

  location = google_cloudfunctions2_function.this[each.key].location
  service  = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}

resource "google_cloud_run_service_iam_member" "outside_invokes" {
  #checkov:skip=CKV_GCP_102:allUsers is an explicit choice of the caller variables; signature and token are checked by the function
  for_each = local.outside_callers

  location = google_cloudfunctions2_function.this[each.value.function].location
  service  = google_cloudfunctions2_function.this[each.value.function].name
  role     = "roles/run.invoker"
  member   = each.value.member
}

# What the functions may do in the project: connect to the database, as themselves, and no more.
locals {
  database_roles = ["roles/cloudsql.client", "roles/cloudsql.instanceUser"]
}

resource "google_project_iam_member" "function" {
  for_each = merge([
    for role in local.database_roles : {
      for function in keys(local.functions) : "${function} ${role}" => { function = function, role = role }
    }
  ]...)

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.function[each.value.function].member
}

resource "google_project_iam_member" "function_build" {
  for_each = toset(["roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer"])

  project = var.project_id
  role    = each.key
  member  = google_service_account.function_build.member
}

# Who read which secret, and who changed what, is kept.
resource "google_project_iam_audit_config" "secrets" {
  project = var.project_id
  service = "secretmanager.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }

  depends_on = [time_sleep.apis_answer]
}
