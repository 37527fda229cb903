# A first apply in an empty project, over the mocks: every resource is made, in an order that Terraform
# can find, and what is only known afterwards is known in the outputs.

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
  app_backend_members = ["serviceAccount:backend@my-app.iam.gserviceaccount.com"]
}

run "first_apply" {
  command = apply

  assert {
    condition     = startswith(output.answer_url, "https://") && startswith(output.account_api_url, "https://")
    error_message = "An app developer is told both URLs."
  }

  assert {
    condition     = length(output.topics) == 5 && alltrue([for id in values(output.topics) : id != ""])
    error_message = "And the topics."
  }

  assert {
    condition     = alltrue([for job in google_cloud_scheduler_job.this : job.http_target[0].uri == job.http_target[0].oidc_token[0].audience])
    error_message = "A job's token is for the URL that it calls, which is known only now."
  }

  assert {
    condition = alltrue([
      google_pubsub_topic_iam_member.agent_dead_letters.member == google_project_service_identity.pubsub.member,
      google_service_account_iam_member.agent_signs.member == google_project_service_identity.pubsub.member,
      length(google_pubsub_subscription_iam_member.agent_acknowledges) == length(google_pubsub_subscription.this),
    ])
    error_message = "Pub/Sub's own account is granted by the name that creating it told."
  }

  assert {
    condition     = google_cloudfunctions2_function.this["answer"].service_config[0].environment_variables["CLOUD_SQL_INSTANCE"] == "my-project:us-central1:countersign"
    error_message = "Functions are told the instance that was made."
  }
}

run "with_a_pipeline" {
  command = apply

  variables {
    environment  = "staging"
    repository   = "projects/my-project/locations/us-central1/connections/github/repositories/countersign"
    state_bucket = "my-project-terraform"
    approvers    = ["user:owner@example.com"]
  }

  assert {
    condition     = google_cloudbuild_trigger.verify[0].substitutions["_ENVIRONMENT"] == "staging"
    error_message = "The pipeline plans with the answers that are committed for this environment."
  }

  assert {
    condition     = google_cloudbuild_trigger.apply[0].substitutions["_POOL"] == google_cloudbuild_worker_pool.this[0].id
    error_message = "What needs the database runs in the pool that reaches it."
  }
}

run "again_without_a_change" {
  command = plan

  variables {
    environment  = "staging"
    repository   = "projects/my-project/locations/us-central1/connections/github/repositories/countersign"
    state_bucket = "my-project-terraform"
    approvers    = ["user:owner@example.com"]
  }

  assert {
    condition     = output.answer_url == run.with_a_pipeline.answer_url && output.topics == run.with_a_pipeline.topics
    error_message = "What is there is not made anew: its values stay known."
  }
}
