# pool size x max instances stays within what the database allows.

variables {
  project_id          = "my-project"
  alert_emails        = ["operator@example.com"]
  dashboard_url       = "https://api.example.com"
  firebase_project_id = "my-app"
}

run "the_defaults_fit" {
  command = plan

  assert {
    condition     = output.database.function_connections + 15 <= output.database.max_connections
    error_message = "The default instances must fit the default tier."
  }

  assert {
    condition     = output.database.max_connections == 100
    error_message = "3.75 GB allow 100 connections."
  }
}

run "a_small_instance_is_refused" {
  command = plan

  variables {
    database = { tier = "db-f1-micro" } # 25 connections
  }

  expect_failures = [google_sql_database_instance.this]
}

run "a_small_instance_will_do_for_few_instances" {
  command = plan

  variables {
    database      = { tier = "db-g1-small" } # 50 connections
    max_instances = { answer = 1, submit_order = 2, account_api = 1, evaluate = 1 }
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].availability_type == "ZONAL"
    error_message = "A shared core is never highly available."
  }
}

run "too_many_instances_are_refused" {
  command = plan

  variables {
    max_instances = { submit_order = 100 }
  }

  expect_failures = [google_sql_database_instance.this]
}

run "a_larger_instance_takes_them" {
  command = plan

  variables {
    database      = { tier = "db-custom-2-7680" } # 400 connections
    max_instances = { submit_order = 100 }
  }
}

run "an_unknown_function_is_refused" {
  command = plan

  variables {
    max_instances = { submit_orders = 2 }
  }

  expect_failures = [var.max_instances]
}
