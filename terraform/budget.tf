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
