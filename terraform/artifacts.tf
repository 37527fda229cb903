# What is deployed: exactly these files, whatever else lies in the tree.
locals {
  root = "${path.module}/.."

  deployed_files = concat(
    [for file in fileset("${local.root}/common", "**/*.py") : "common/${file}"],
    [for file in fileset("${local.root}/functions", "**/*.py") : "functions/${file}"],
    [for file in fileset("${local.root}/functions/pages", "{templates,static}/*") : "functions/pages/${file}"],
    [
      for file in fileset("${local.root}/infra", "**/*.py") : "infra/${file}"
      if !startswith(file, "local/") && !startswith(file, "simulator/") && !startswith(file, "cli/") && file != "__main__.py"
    ],
    ["requirements.txt"],
  )

  # The buildpack looks for main.py at the root, and puts only its folder on the path.
  entry_point = "\"\"\"Where the platform finds the entry points.\"\"\"\n\nfrom functions.main import *  # noqa: F403\n"
}

data "archive_file" "source" {
  type             = "zip"
  output_path      = "${path.module}/.build/source.zip"
  output_file_mode = "0644" # the same archive from every machine

  dynamic "source" {
    for_each = toset(local.deployed_files)
    content {
      filename = source.value
      content  = file("${local.root}/${source.value}")
    }
  }

  source {
    filename = "main.py"
    content  = local.entry_point
  }
}

resource "google_storage_bucket" "source" {
  #checkov:skip=CKV_GCP_62:who reads the source is in the project's audit log; a bucket of access logs adds nothing
  name                        = "${var.project_id}-${var.name}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # everything in it can be made again from the repository

  versioning {
    enabled = true
  }

  lifecycle_rule {
    condition {
      age        = 90
      with_state = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  depends_on = [time_sleep.apis_answer]
}

resource "google_storage_bucket_object" "source" {
  name   = "source-${data.archive_file.source.output_sha256}.zip"
  bucket = google_storage_bucket.source.name
  source = data.archive_file.source.output_path
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:images hold no secret and no user's data; Google's own key suffices
  location      = var.region
  repository_id = var.name
  description   = "The images that the platform builds from the source"
  format        = "DOCKER"

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"

    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [time_sleep.apis_answer]
}
