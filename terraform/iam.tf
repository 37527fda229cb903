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
