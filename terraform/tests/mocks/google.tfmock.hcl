# What only Google knows, in Google's forms: a mocked provider would make up random letters.

mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}

mock_resource "google_project_service_identity" {
  defaults = {
    member = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    email  = "service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
  }
}

mock_resource "google_service_account" {
  defaults = {
    email  = "account@my-project.iam.gserviceaccount.com"
    member = "serviceAccount:account@my-project.iam.gserviceaccount.com"
    name   = "projects/my-project/serviceAccounts/account@my-project.iam.gserviceaccount.com"
  }
}

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    service_config = {
      uri = "https://function-abcdefgh-uc.a.run.app"
    }
  }
}

mock_resource "google_sql_database_instance" {
  defaults = {
    connection_name = "my-project:us-central1:countersign"
  }
}

mock_resource "google_storage_bucket" {
  defaults = {
    url = "gs://my-project-countersign-plans"
  }
}
