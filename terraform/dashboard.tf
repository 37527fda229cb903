# One page for an operator: is it ticking, what do orders do, is anything stuck, what does it cost us
# in errors, connections and time.
locals {
  charts = concat(
    [
      for name, metric in local.metrics : {
        title   = metric.about
        filter  = "${try(metric.by, "") == "stream" ? local.from_stream : local.from_functions}\"${local.metric_types[name]}\""
        aligner = can(metric.value) ? "ALIGN_PERCENTILE_95" : "ALIGN_SUM"
        reducer = can(metric.value) ? "REDUCE_MAX" : "REDUCE_SUM"
        groups  = try(["metric.label.${metric.label}"], [])
      }
    ],
    [
      {
        title   = "Answers by function and status"
        filter  = "${local.from_functions}\"run.googleapis.com/request_count\""
        aligner = "ALIGN_SUM"
        reducer = "REDUCE_SUM"
        groups  = ["resource.label.service_name", "metric.label.response_code_class"]
      },
      {
        title   = "Latency of functions, 95th percentile (ms)"
        filter  = "${local.from_functions}\"run.googleapis.com/request_latencies\""
        aligner = "ALIGN_PERCENTILE_95"
        reducer = "REDUCE_MAX"
        groups  = ["resource.label.service_name"]
      },
      {
        title   = "Instances"
        filter  = "${local.from_functions}\"run.googleapis.com/container/instance_count\""
        aligner = "ALIGN_MAX"
        reducer = "REDUCE_SUM"
        groups  = ["resource.label.service_name"]
      },
      {
        title   = "Oldest message that waits, by subscription (s)"
        filter  = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
        aligner = "ALIGN_MAX"
        reducer = "REDUCE_MAX"
        groups  = ["resource.label.subscription_id"]
      },
      {
        title   = "Dead letters waiting"
        filter  = "resource.type=\"pubsub_subscription\" AND resource.label.subscription_id=\"${google_pubsub_subscription.dead_letters.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\""
        aligner = "ALIGN_MAX"
        reducer = "REDUCE_MAX"
        groups  = []
      },
      {
        title   = "Database connections (of ${local.max_connections})"
        filter  = "resource.type=\"cloudsql_database\" AND metric.type=\"cloudsql.googleapis.com/database/postgresql/num_backends\""
        aligner = "ALIGN_MEAN"
        reducer = "REDUCE_SUM"
        groups  = []
      },
    ],
  )
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "Countersign"
    mosaicLayout = {
      columns = 12
      tiles = [
        for i, chart in local.charts : {
          xPos   = (i % 3) * 4
          yPos   = floor(i / 3) * 4
          width  = 4
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = "300s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.reducer
                      groupByFields      = chart.groups
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [time_sleep.metrics_are_known]
}
