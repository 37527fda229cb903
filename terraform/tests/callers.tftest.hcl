# Who may call from outside is nobody, until it is said.

variables {
  project_id          = "my-project"
  alert_emails        = ["operator@example.com"]
  dashboard_url       = "https://api.example.com"
  firebase_project_id = "my-app"
}

run "nobody_by_default" {
  command = plan

  assert {
    condition     = length(google_cloud_run_service_iam_member.outside_invokes) == 0
    error_message = "Nobody calls from outside by default."
  }
}

run "who_is_named" {
  command = plan

  variables {
    answer_callers      = ["serviceAccount:backend@my-app.iam.gserviceaccount.com"]
    account_api_callers = ["allUsers"]
  }

  assert {
    condition     = length(google_cloud_run_service_iam_member.outside_invokes) == 2
    error_message = "Two callers, one of each function."
  }
}

run "everybody_with_a_google_account_is_refused" {
  command = plan

  variables {
    answer_callers = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.answer_callers]
}

run "the_app_backend_pulls_unless_it_is_pushed_to" {
  command = plan

  variables {
    app_backend_push_urls = { questions-created = "https://backend.example.com/questions" }
  }

  assert {
    condition     = length(google_pubsub_subscription.this["countersign-app-trade-updates"].push_config) == 0
    error_message = "trade-updates is pulled."
  }

  assert {
    condition     = google_pubsub_subscription.this["countersign-app-questions-created"].push_config[0].push_endpoint == "https://backend.example.com/questions"
    error_message = "questions-created is pushed."
  }
}

run "a_push_in_the_clear_is_refused" {
  command = plan

  variables {
    app_backend_push_urls = { questions-created = "http://backend.example.com" }
  }

  expect_failures = [var.app_backend_push_urls]
}

run "the_fallbacks_token_goes_with_its_database" {
  command = plan

  assert {
    condition     = !contains(keys(google_secret_manager_secret.this), "CLOUDFLARE_API_TOKEN")
    error_message = "Without a D1 database there is no token to keep."
  }
}

run "a_pipeline_is_planned_and_then_approved" {
  command = plan

  variables {
    repository   = "projects/my-project/locations/us-east4/connections/github/repositories/countersign"
    state_bucket = "my-project-terraform"
  }

  assert {
    condition     = google_cloudbuild_trigger.apply[0].approval_config[0].approval_required
    error_message = "Nothing is applied without an approval."
  }

  assert {
    condition     = google_cloudbuild_trigger.verify[0].filename == "cloudbuild.yaml"
    error_message = "Every push is verified."
  }
}

run "a_pipeline_needs_the_state" {
  command = plan

  variables {
    repository = "projects/my-project/locations/us-east4/connections/github/repositories/countersign"
  }

  expect_failures = [var.state_bucket]
}
