# One identity per function, and one for each of the platform's hands.

resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = local.names[each.key]
  display_name = "Countersign: ${each.key}"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "scheduler" {
  account_id   = "${var.name}-scheduler"
  display_name = "Countersign: what Cloud Scheduler calls as"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "push" {
  account_id   = "${var.name}-push"
  display_name = "Countersign: what Pub/Sub pushes as"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "function_build" {
  account_id   = "${var.name}-images"
  display_name = "Countersign: builds the functions' images"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "operator" {
  account_id   = "${var.name}-operator"
  display_name = "Countersign: runs an operator's commands inside the network"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "verify" {
  account_id   = "${var.name}-verify"
  display_name = "Countersign: tests and plans, and can only look"

  depends_on = [time_sleep.apis_answer]
}

resource "google_service_account" "deploy" {
  account_id   = "${var.name}-deploy"
  display_name = "Countersign: migrates and applies what was approved"

  depends_on = [time_sleep.apis_answer]
}
