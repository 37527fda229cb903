# What an app developer needs.

output "answer_url" {
  description = "Where the app backend posts answers (signed webhook)."
  value       = google_cloudfunctions2_function.this["answer"].service_config[0].uri
}

output "account_api_url" {
  description = "Where the app finds /v1/me/trading/… (Firebase ID token)."
  value       = google_cloudfunctions2_function.this["account_api"].service_config[0].uri
}

output "topics" {
  description = "The topics, by name."
  value       = { for name, topic in google_pubsub_topic.this : name => topic.id }
}

output "app_subscriptions" {
  description = "The app backend's subscriptions, by topic."
  value       = { for topic in local.app_topics : topic => google_pubsub_subscription.this["${var.name}-app-${topic}"].id }
}

# What an operator needs.

output "console_url" {
  description = "The console, for `console_callers` (docs/operations.md, The console)."
  value       = google_cloudfunctions2_function.this["console"].service_config[0].uri
}

output "secrets" {
  description = "The secrets that need a version before the first tick, by setting."
  value       = { for setting, secret in google_secret_manager_secret.this : setting => secret.secret_id }
}

output "jobs" {
  description = "The jobs of Cloud Scheduler: paused until `countersign schedules resume`."
  value       = [for job in google_cloud_scheduler_job.this : job.name]
}

output "database" {
  description = "The database: CLOUD_SQL_INSTANCE, DB_NAME, and the connections that are spoken for."
  value = {
    instance             = google_sql_database_instance.this.connection_name
    name                 = google_sql_database.this.name
    max_connections      = local.max_connections
    function_connections = local.function_connections
    function_users       = concat(values(local.database_users), local.stream_users)
  }
}

output "receipt_key" {
  description = "The key that signs receipts; `countersign receipt-key` shows its public half."
  value       = local.receipt_key
}
