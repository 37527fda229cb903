# What an operator can ask for beyond the defaults, all at once.

# Google is mocked: a test needs no account, no project and no network.
mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {
  source = "./tests/mocks"
}
mock_provider "time" {} # nobody waits

variables {
  project_id                = "my-project"
  name                      = "staging"
  alert_emails              = [for i in range(6) : "operator-${i}@example.com"]
  billing_account           = "01AB23-CD45EF-678901"
  dashboard_url             = "https://api.example.com"
  firebase_project_id       = "my-app"
  answer_callers            = ["serviceAccount:backend@my-app.iam.gserviceaccount.com"]
  account_api_callers       = ["allUsers"]
  app_backend_members       = ["serviceAccount:backend@my-app.iam.gserviceaccount.com"]
  app_backend_push_urls     = { questions-created = "https://backend.example.com/questions" }
  cloudflare                = { account_id = "0123", d1_database_id = "4567" }
  trading_enabled           = true
  live_trading              = true
  live_trading_confirmation = "orders of my-project spend real money"
  database                  = { tier = "db-custom-2-7680" }
  max_instances             = { submit_order = 100 }
  repository                = "projects/my-project/locations/us-central1/connections/github/repositories/countersign"
  state_bucket              = "my-project-terraform"
  approvers                 = ["user:owner@example.com"]
}

run "configured" {
  command = plan

  assert {
    condition = (
      google_cloudfunctions2_function.this["submit_order"].name == "staging-submit-order" &&
      google_service_account.function["submit_order"].account_id == "staging-submit-order" &&
      google_secret_manager_secret.this["ALPACA_API_SECRET_KEY"].secret_id == "staging-alpaca-api-secret-key"
    )
    error_message = "Everything is named after the deployment."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.this["submit_order"].service_config[0].environment_variables["ALPACA_ALLOW_LIVE"] == "true" &&
      google_cloudfunctions2_function.this["submit_order"].service_config[0].environment_variables["ALPACA_TRADING_BASE_URL"] == "https://api.alpaca.markets"
    )
    error_message = "URL and permission go together: one without the other refuses to start."
  }

  assert {
    condition     = length(google_cloud_run_service_iam_member.outside_invokes) == 2
    error_message = "Two callers, one of each function."
  }

  assert {
    condition = (
      google_pubsub_subscription.this["staging-app-questions-created"].push_config[0].push_endpoint == "https://backend.example.com/questions" &&
      length(google_pubsub_subscription.this["staging-app-trade-updates"].push_config) == 0
    )
    error_message = "One topic is pushed, the other is left to be pulled."
  }

  assert {
    condition     = google_cloudfunctions2_function.this["submit_order"].service_config[0].max_instance_count == 100
    error_message = "A larger database takes more instances."
  }

  assert {
    condition     = google_cloudbuild_trigger.apply[0].approval_config[0].approval_required
    error_message = "Nothing is applied without an approval."
  }

  assert {
    condition     = length(google_monitoring_notification_channel.email) == 6 && length(google_billing_budget.monthly[0].all_updates_rule[0].monitoring_notification_channels) == 5
    error_message = "All hear of alerts, and as many of the budget as Google allows."
  }
}
