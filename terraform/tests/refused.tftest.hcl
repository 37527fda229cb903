# What is refused before anything is planned, and which variable is blamed.

# Google is mocked: a test needs no account, no project and no network.
mock_provider "google" {
  source = "./tests/mocks"
}
mock_provider "google-beta" {
  source = "./tests/mocks"
}
mock_provider "time" {} # nobody waits

run "each_wrong_answer_is_refused_by_name" {
  command = plan

  variables {
    project_id            = "My Project"
    region                = "us-central1-a" # a zone
    alert_emails          = []              # an alert that nobody hears
    billing_account       = "my-account"
    monthly_budget        = 0
    dashboard_url         = "http://api.example.com"
    firebase_project_id   = ""
    answer_callers        = ["allAuthenticatedUsers"]
    account_api_callers   = ["everybody"]
    console_callers       = ["allUsers"]
    app_backend_members   = ["allUsers"]
    app_backend_push_urls = { questions-created = "http://backend.example.com" }
    cloudflare            = { account_id = "0123", d1_database_id = "" }
    ceilings              = { order_notional_usd = 0 }
    data_feed             = "best"
    database              = { tier = "huge" }
    repository            = "github.com/me/countersign"
    approvers             = ["allUsers"]
  }

  expect_failures = [
    var.project_id,
    var.region,
    var.alert_emails,
    var.billing_account,
    var.monthly_budget,
    var.dashboard_url,
    var.firebase_project_id,
    var.answer_callers,
    var.account_api_callers,
    var.console_callers,
    var.app_backend_members,
    var.app_backend_push_urls,
    var.cloudflare,
    var.ceilings,
    var.data_feed,
    var.database,
    var.repository,
    var.approvers,
  ]
}

run "what_contradicts_another_answer_is_refused" {
  command = plan

  variables {
    project_id                = "my-project"
    alert_emails              = ["operator@example.com"]
    dashboard_url             = "https://api.example.com"
    firebase_project_id       = "my-app"
    live_trading              = true
    live_trading_confirmation = "orders of another-project spend real money"
    ceilings                  = { orders_per_day = 1.5 }
    max_instances             = { submit_orders = 2 } # there is no such function
    repository                = "projects/my-project/locations/us-central1/connections/github/repositories/countersign"
  }

  expect_failures = [var.live_trading_confirmation, var.ceilings, var.max_instances, var.state_bucket]
}

# Rules between answers that only Google's API enforces, and would only at apply.
run "what_google_refuses_is_refused_before" {
  command = plan

  variables {
    project_id          = "a-project-of-thirty-characters"
    name                = "countersigned" # its longest user of the database has 65 characters
    alert_emails        = ["operator@example.com"]
    dashboard_url       = "https://api.example.com"
    firebase_project_id = "my-app"
    database            = { tier = "db-custom-3-8192" } # an odd number of CPUs
    min_instances       = { ingest = 2 }                # more than there may be
    environment         = "terraform"                   # terraform.tfvars is read everywhere
  }

  expect_failures = [var.name, var.database, var.min_instances, var.environment]
}

run "more_instances_than_addresses_are_refused" {
  command = plan

  variables {
    project_id          = "my-project"
    alert_emails        = ["operator@example.com"]
    dashboard_url       = "https://api.example.com"
    firebase_project_id = "my-app"
    database            = { tier = "db-custom-8-30720" }
    max_instances       = { submit_order = 240 }
  }

  expect_failures = [google_compute_subnetwork.functions]
}

run "what_means_nothing_alone_is_refused" {
  command = plan

  variables {
    project_id          = "my-project"
    alert_emails        = ["operator@example.com"]
    dashboard_url       = "https://api.example.com"
    firebase_project_id = "my-app"
    allow_unasked_live  = true
    name                = "abcdefghijklmn" # 14: an account's id would be too long
    max_instances       = { submit_order = 0 }
  }

  expect_failures = [var.name, var.allow_unasked_live, var.max_instances]
}
