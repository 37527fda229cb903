locals {
  metrics = yamldecode(file("${path.module}/metrics.yaml"))

  logged_by = {
    functions = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^${var.name}-\""
    stream    = "resource.type=\"cloud_run_worker_pool\" AND resource.labels.worker_pool_name=\"${local.stream_name}\""
  }

  # As alerts and the dashboard name them.
  metric_types = { for name in keys(local.metrics) : name => "logging.googleapis.com/user/${var.name}/${name}" }
}

resource "google_logging_metric" "this" {
  for_each = local.metrics

  name        = "${var.name}/${each.key}"
  description = each.value.about
  filter = join(" AND ", compact([
    local.logged_by[try(each.value.by, "functions")],
    "jsonPayload.event=\"${each.value.event}\"",
    try(each.value.where, ""),
  ]))

  value_extractor  = try("EXTRACT(jsonPayload.${each.value.value})", null)
  label_extractors = try({ (each.value.label) = "EXTRACT(jsonPayload.${each.value.label})" }, null)

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = can(each.value.value) ? "DISTRIBUTION" : "INT64"
    unit         = try(each.value.unit, "1")
    display_name = "Countersign: ${replace(each.key, "_", " ")}"

    dynamic "labels" {
      for_each = try([each.value.label], [])
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = try([each.value.value], [])
    content {
      exponential_buckets {
        num_finite_buckets = 24
        growth_factor      = 1.5
        scale              = 1
      }
    }
  }

  depends_on = [time_sleep.apis_answer]
}

# A new metric is not known to Monitoring at once, and an alert on an unknown one is refused: "it could
# take up to 10 minutes to become available". That goes for ours and, in an empty project, for those of
# the services that the alerts read.
resource "time_sleep" "metrics_are_known" {
  create_duration = "600s"

  triggers = { metrics = join(" ", [for metric in google_logging_metric.this : metric.name]) }

  depends_on = [
    google_cloudfunctions2_function.this,
    google_pubsub_subscription.dead_letters,
    google_sql_database_instance.this,
  ]
}
