# Secrets without values: those never pass through Terraform, its plan or its state. They are added
# with `gcloud secrets versions add` (docs/deploy.md); the newest version counts, within minutes.
locals {
  secrets = toset(flatten([for f in local.functions : f.secrets]))

  # What a function is told in a secret's place: where to read the newest version of it.
  secret_names = {
    for name, secret in google_secret_manager_secret.this : name => "projects/${var.project_id}/secrets/${secret.secret_id}/versions/latest"
  }
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  secret_id           = "${var.name}-${lower(replace(each.key, "_", "-"))}"
  deletion_protection = true

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [time_sleep.apis_answer]
}

resource "google_secret_manager_secret_iam_member" "reads" {
  for_each = merge([
    for function, f in local.functions : {
      for secret in f.secrets : "${function} ${secret}" => { function = function, secret = secret }
    }
  ]...)

  secret_id = google_secret_manager_secret.this[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}
