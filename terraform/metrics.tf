locals {
  metrics = yamldecode(file("${path.module}/metrics.yaml"))

  # As alerts and the dashboard name them.
  metric_types = { for name in keys(local.metrics) : name => "logging.googleapis.com/user/${var.name}/${name}" }
}

resource "google_logging_metric" "this" {
  for_each = local.metrics

  name        = "${var.name}/${each.key}"
  description = each.value.about
  filter = join(" AND ", compact([
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=~\"^${var.name}-\"",
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

  depends_on = [google_project_service.this]
}

# A new metric is not known to Monitoring at once, and an alert on an unknown one is refused.
resource "time_sleep" "metrics_are_known" {
  create_duration = "30s"

  triggers = { metrics = join(" ", [for metric in google_logging_metric.this : metric.name]) }
}
