# What four answers give: nothing trades, nobody calls from outside, and it fits the database.
# (A run costs seconds: each file asks much of few runs.)

# Google is mocked: a test needs no account, no project and no network.
mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {
  source = "./tests/mocks"
}
mock_provider "time" {} # nobody waits

variables {
  project_id          = "my-project"
  alert_emails        = ["operator@example.com"]
  dashboard_url       = "https://api.example.com"
  firebase_project_id = "my-app"
}

run "defaults" {
  command = plan

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      function.service_config[0].environment_variables["TRADING_ENABLED"] == "false" &&
      function.service_config[0].environment_variables["ALPACA_ALLOW_LIVE"] == "false" &&
      function.service_config[0].environment_variables["ALPACA_ALLOW_UNASKED_LIVE"] == "false" &&
      function.service_config[0].environment_variables["ALPACA_TRADING_BASE_URL"] == "https://paper-api.alpaca.markets"
    ])
    error_message = "Trading is off and the account is the paper account unless somebody says otherwise."
  }

  assert {
    condition     = length(google_cloud_run_service_iam_member.outside_invokes) == 0
    error_message = "Nobody calls from outside by default."
  }

  assert {
    condition     = alltrue([for topic in local.app_topics : length(google_pubsub_subscription.this["countersign-app-${topic}"].push_config) == 0])
    error_message = "The app backend pulls by default."
  }

  assert {
    condition     = !contains(keys(google_secret_manager_secret.this), "CLOUDFLARE_API_TOKEN")
    error_message = "Without a D1 database there is no token to keep."
  }

  assert {
    condition     = output.database.max_connections == 100 && output.database.function_connections + local.other_connections <= 100
    error_message = "The default instances must fit the default tier: 3.75 GB allow 100 connections."
  }

  assert {
    condition     = alltrue([for job in google_cloud_scheduler_job.this : job.paused])
    error_message = "A new job waits for its first resume."
  }

  assert {
    condition = alltrue([
      for name, job in google_cloud_scheduler_job.this : job.time_zone == "America/New_York" && endswith(job.schedule, "1-5")
      if strcontains(name, "snapshot")
    ]) && length([for name in keys(local.schedules) : name if strcontains(name, "snapshot")]) == 4
    error_message = "Four snapshots on each weekday, New York time: the last completes the day."
  }

  assert {
    condition = alltrue([
      for name, job in local.schedules :
      "${google_cloudfunctions2_function.this[job.function].service_config[0].timeout_seconds}s" == google_cloud_scheduler_job.this[name].attempt_deadline
    ])
    error_message = "A function may run as long as its schedule waits."
  }

  assert {
    condition     = google_cloudfunctions2_function.this["answer"].service_config[0].min_instance_count == 1 && sum([for f in google_cloudfunctions2_function.this : f.service_config[0].min_instance_count]) == 1
    error_message = "One instance waits for answers, and only there somebody waits for it."
  }

  assert {
    condition     = length(google_billing_budget.monthly) == 0 && length(google_cloudbuild_worker_pool.this) == 0 && length(google_cloudbuild_trigger.apply) == 0
    error_message = "Budget and pipeline need to be told where."
  }
}
