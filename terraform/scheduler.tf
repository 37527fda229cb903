# The jobs of infra/schedules.yaml, which the local scheduler reads too.
locals {
  schedules = { for job in yamldecode(file("${path.module}/../infra/schedules.yaml")) : job.name => job }
}

resource "google_cloud_scheduler_job" "this" {
  for_each = local.schedules

  name             = "${var.name}-${each.key}"
  region           = var.region
  description      = "Calls ${each.value.function}"
  schedule         = each.value.schedule
  time_zone        = each.value.time_zone
  attempt_deadline = "${each.value.attempt_deadline_seconds}s"

  # A new job waits until somebody has looked (`countersign doctor`) and resumes it. From then on
  # whether it runs is the operator's word: applying never resumes what `countersign halt` paused.
  paused = true
  lifecycle {
    ignore_changes = [paused]
  }

  retry_config {
    retry_count          = each.value.retry.count
    min_backoff_duration = "${each.value.retry.min_backoff_seconds}s"
    max_backoff_duration = "${each.value.retry.max_backoff_seconds}s"
  }

  http_target {
    http_method = "POST"
    uri         = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri
    body        = base64encode(jsonencode(each.value.body))
    headers     = { "Content-Type" = "application/json" }

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri
    }
  }

  depends_on = [google_cloud_run_service_iam_member.scheduler_invokes]
}
