# pool size x max instances stays within what the database allows.

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

run "a_small_instance_is_refused" {
  command = plan

  variables {
    database = { tier = "db-f1-micro" } # 25 connections
  }

  expect_failures = [google_sql_database_instance.this]
}

run "too_many_instances_are_refused" {
  command = plan

  variables {
    max_instances = { submit_order = 100 }
  }

  expect_failures = [google_sql_database_instance.this]
}

run "a_small_instance_will_do_for_few_instances" {
  command = plan

  variables {
    name          = "abcdefghijklm"          # the longest
    database      = { tier = "db-g1-small" } # 50 connections
    max_instances = { answer = 1, submit_order = 2, account_api = 1, evaluate = 1, ask = 1 }
  }

  assert {
    condition     = output.database.max_connections == 50 && google_sql_database_instance.this.settings[0].availability_type == "ZONAL"
    error_message = "A shared core is small, and never highly available."
  }

  assert {
    condition     = length(google_service_account.function["reconcile_orders"].account_id) == 30
    error_message = "An account's id has at most 30 characters, and the longest name leaves room for it."
  }
}
