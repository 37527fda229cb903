# Names and identities: everything is named after the deployment, nothing is shared between functions.

variables {
  project_id          = "my-project"
  alert_emails        = ["operator@example.com"]
  dashboard_url       = "https://api.example.com"
  firebase_project_id = "my-app"
}

run "named_after_the_deployment" {
  command = plan

  variables {
    name = "staging"
  }

  assert {
    condition     = google_cloudfunctions2_function.this["submit_order"].name == "staging-submit-order"
    error_message = "A function's name is the deployment's and its own."
  }

  assert {
    condition     = google_service_account.function["reconcile_orders"].account_id == "staging-reconcile-orders"
    error_message = "A function's account has the function's name."
  }

  assert {
    condition     = google_secret_manager_secret.this["ALPACA_API_SECRET_KEY"].secret_id == "staging-alpaca-api-secret-key"
    error_message = "A secret's name is its setting's."
  }
}

run "the_longest_name_still_makes_an_account" {
  command = plan

  variables {
    name = "abcdefghijklm"
  }

  assert {
    condition     = length(google_service_account.function["reconcile_orders"].account_id) == 30
    error_message = "An account's id has at most 30 characters."
  }
}

run "a_longer_name_is_refused" {
  command = plan

  variables {
    name = "abcdefghijklmn"
  }

  expect_failures = [var.name]
}

run "a_zone_is_no_region" {
  command = plan

  variables {
    region = "us-east4-a"
  }

  expect_failures = [var.region]
}

run "an_alert_needs_somebody_to_hear_it" {
  command = plan

  variables {
    alert_emails = []
  }

  expect_failures = [var.alert_emails]
}
