# Each alert names its runbook: the heading of docs/operations.md that has its name. A test compares.

locals {
  # Any line of these is one too many.
  counted_alerts = {
    "Order stuck"         = { metric = "orders_stuck", severity = "CRITICAL" }
    "Position drift"      = { metric = "position_drifts", severity = "CRITICAL" }
    "Dead letter kept"    = { metric = "dead_letters_kept", severity = "ERROR" }
    "Config set aside"    = { metric = "configs_set_aside", severity = "WARNING" }
    "Row set aside"       = { metric = "rows_set_aside", severity = "ERROR" }
    "Snapshot failed"     = { metric = "snapshots_failed", severity = "ERROR" }
    "Snapshot incomplete" = { metric = "snapshots_incomplete", severity = "WARNING" }
  }

  runbooks = {
    for alert in concat(keys(local.counted_alerts), [
      "Tick missing", "Ingest lag", "Order of unknown outcome", "Dead letters waiting",
      "Snapshot missing", "Errors of functions", "Database connections",
    ]) : alert => "Runbook: ${var.runbook_url}#${lower(replace(alert, " ", "-"))}"
  }

  notified = [for channel in google_monitoring_notification_channel.email : channel.id]

  # Functions that are called every minute, whatever the market does.
  minutely = [for job in local.schedules : local.names[job.function] if job.schedule == "* * * * *"]

  from_functions = "resource.type=\"cloud_run_revision\" AND metric.type="
  from_stream    = "resource.type=\"cloud_run_worker_pool\" AND metric.type="
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alert_emails)

  display_name = each.key
  type         = "email"
  labels       = { email_address = each.key }

  depends_on = [time_sleep.apis_answer]
}

resource "google_monitoring_alert_policy" "counted" {
  for_each = local.counted_alerts

  display_name          = each.key
  severity              = each.value.severity
  combiner              = "OR"
  notification_channels = local.notified

  conditions {
    display_name = local.metrics[each.value.metric].about

    condition_threshold {
      filter          = "${local.from_functions}\"${local.metric_types[each.value.metric]}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = local.runbooks[each.key]
  }

  depends_on = [time_sleep.metrics_are_known]
}

# One look-up that finds nothing is the ordinary end of a lost reply; five minutes of them are not.
resource "google_monitoring_alert_policy" "order_of_unknown_outcome" {
  display_name          = "Order of unknown outcome"
  severity              = "CRITICAL"
  combiner              = "OR"
  notification_channels = local.notified

  conditions {
    display_name = "An order's outcome stays unknown"

    condition_threshold {
      filter          = "${local.from_functions}\"${local.metric_types["orders_of_unknown_outcome"]}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "300s"

      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = local.runbooks["Order of unknown outcome"]
  }

  depends_on = [time_sleep.metrics_are_known]
}

# A function that is called every minute and has not answered well for five.
resource "google_monitoring_alert_policy" "tick_missing" {
  display_name          = "Tick missing"
  severity              = "CRITICAL"
  combiner              = "OR"
  notification_channels = local.notified

  dynamic "conditions" {
    for_each = local.minutely
    content {
      display_name = "${conditions.value} has not answered for five minutes"

      condition_absent {
        filter   = "${local.from_functions}\"run.googleapis.com/request_count\" AND resource.labels.service_name=\"${conditions.value}\" AND metric.labels.response_code_class=\"2xx\""
        duration = "300s"

        aggregations {
          alignment_period     = "60s"
          per_series_aligner   = "ALIGN_DELTA"
          cross_series_reducer = "REDUCE_SUM"
        }
      }
    }
  }

  # It answers, but what it says at the end of its work is not in the log.
  conditions {
    display_name = "No ingest came to its end for five minutes"

    condition_threshold {
      filter                  = "${local.from_functions}\"${local.metric_types["ticks"]}\""
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "60s" # without one, what missing data means may not be said
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = local.runbooks["Tick missing"]
  }

  depends_on = [time_sleep.metrics_are_known]
}

resource "google_monitoring_alert_policy" "ingest_lag" {
  display_name          = "Ingest lag"
  severity              = "WARNING"
  combiner              = "OR"
  notification_channels = local.notified

  conditions {
    display_name = "An input has been due for more than 90 seconds, tick after tick"

    condition_threshold {
      filter          = "${local.from_functions}\"${local.metric_types["ingest_lag"]}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 90
      duration        = "300s"

      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_PERCENTILE_95"
        cross_series_reducer = "REDUCE_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = local.runbooks["Ingest lag"]
  }

  depends_on = [time_sleep.metrics_are_known]
}

# What no function could take, of any subscription (the app backend's too).
resource "google_monitoring_alert_policy" "dead_letters_waiting" {
  display_name          = "Dead letters waiting"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = local.notified

  conditions {
    display_name = "Messages wait in the dead-letter subscription"

    condition_threshold {
      filter          = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.dead_letters.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = local.runbooks["Dead letters waiting"]
  }

  depends_on = [time_sleep.metrics_are_known]
}

# No absence condition reaches over a weekend, so this one is a query: on a weekday, after the last
# push is over in New York in summer and in winter, the day must have had a snapshot, or be a holiday.
resource "google_monitoring_alert_policy" "snapshot_missing" {
  display_name          = "Snapshot missing"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = local.notified

  conditions {
    display_name = "No snapshot was pushed on this weekday"

    condition_prometheus_query_language {
      query = join(" ", [
        "(${join(" + ", [
          for metric in ["snapshots_pushed", "snapshots_skipped"] :
          "(sum(increase({\"${local.metric_types[metric]}\", monitored_resource=\"cloud_run_revision\"}[12h])) or vector(0))"
        ])}) < 0.5",
        "and on() (day_of_week() >= 1 and day_of_week() <= 5)",
        "and on() (hour() >= 22)",
      ])
      duration                  = "300s"
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = local.runbooks["Snapshot missing"]
  }

  depends_on = [time_sleep.metrics_are_known]
}

resource "google_monitoring_alert_policy" "errors_of_functions" {
  display_name          = "Errors of functions"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = local.notified

  conditions {
    display_name = "More than 5 % of a function's answers are 5xx"

    condition_threshold {
      filter             = "${local.from_functions}\"run.googleapis.com/request_count\" AND resource.labels.service_name=monitoring.regex.full_match(\"${var.name}-.*\") AND metric.labels.response_code_class=\"5xx\""
      denominator_filter = "${local.from_functions}\"run.googleapis.com/request_count\" AND resource.labels.service_name=monitoring.regex.full_match(\"${var.name}-.*\")"
      comparison         = "COMPARISON_GT"
      threshold_value    = 0.05
      duration           = "0s"

      aggregations {
        alignment_period     = "600s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
      denominator_aggregations {
        alignment_period     = "600s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = local.runbooks["Errors of functions"]
  }

  depends_on = [time_sleep.metrics_are_known]
}

resource "google_monitoring_alert_policy" "database_connections" {
  display_name          = "Database connections"
  severity              = "WARNING"
  combiner              = "OR"
  notification_channels = local.notified

  conditions {
    display_name = "More than 80 % of the database's connections are taken"

    condition_threshold {
      filter          = "resource.type=\"cloudsql_database\" AND resource.labels.database_id=\"${var.project_id}:${google_sql_database_instance.this.name}\" AND metric.type=\"cloudsql.googleapis.com/database/postgresql/num_backends\""
      comparison      = "COMPARISON_GT"
      threshold_value = floor(local.max_connections * 0.8)
      duration        = "300s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MEAN"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = local.runbooks["Database connections"]
  }

  depends_on = [time_sleep.metrics_are_known]
}

resource "google_billing_budget" "monthly" {
  count = var.billing_account == "" ? 0 : 1

  billing_account = var.billing_account
  display_name    = "${var.name}: monthly"

  budget_filter {
    projects        = ["projects/${data.google_project.this.number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      # In the currency of the billing account: any other is refused.
      units = tostring(floor(var.monthly_budget))
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    # More than five are refused. The others hear of alerts, and budgets reach the account's owners anyway.
    monitoring_notification_channels = slice(local.notified, 0, min(5, length(local.notified)))
    disable_default_iam_recipients   = false
  }

  depends_on = [time_sleep.apis_answer]
}
