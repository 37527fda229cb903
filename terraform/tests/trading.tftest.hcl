# Nothing trades, and nothing spends real money, by default or by accident.

variables {
  project_id          = "my-project"
  alert_emails        = ["operator@example.com"]
  dashboard_url       = "https://api.example.com"
  firebase_project_id = "my-app"
}

run "off_and_on_paper_by_default" {
  command = apply

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      function.service_config[0].environment_variables["TRADING_ENABLED"] == "false" &&
      function.service_config[0].environment_variables["ALPACA_ALLOW_LIVE"] == "false" &&
      function.service_config[0].environment_variables["ALPACA_TRADING_BASE_URL"] == "https://paper-api.alpaca.markets"
    ])
    error_message = "Trading is off and the account is the paper account unless somebody says otherwise."
  }
}

run "real_money_needs_the_sentence" {
  command = plan

  variables {
    live_trading = true
  }

  expect_failures = [var.live_trading_confirmation]
}

run "another_projects_sentence_does_not_count" {
  command = plan

  variables {
    live_trading              = true
    live_trading_confirmation = "orders of another-project spend real money"
  }

  expect_failures = [var.live_trading_confirmation]
}

run "with_the_sentence_both_keys_turn" {
  command = apply

  variables {
    live_trading              = true
    live_trading_confirmation = "orders of my-project spend real money"
  }

  assert {
    condition = (
      google_cloudfunctions2_function.this["submit_order"].service_config[0].environment_variables["ALPACA_ALLOW_LIVE"] == "true" &&
      google_cloudfunctions2_function.this["submit_order"].service_config[0].environment_variables["ALPACA_TRADING_BASE_URL"] == "https://api.alpaca.markets"
    )
    error_message = "URL and permission go together: one without the other refuses to start."
  }
}

run "unasked_live_orders_need_live_trading" {
  command = plan

  variables {
    allow_unasked_live = true
  }

  expect_failures = [var.allow_unasked_live]
}

run "a_ceiling_of_nothing_is_refused" {
  command = plan

  variables {
    ceilings = { order_notional_usd = 0 }
  }

  expect_failures = [var.ceilings]
}
