terraform {
  required_version = ">= 1.9" # validations that look at other variables

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
    google-beta = { # for the one resource that google lacks: google_project_service_identity
      source  = "hashicorp/google-beta"
      version = "~> 8.7"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }

  # The bucket is given at `terraform init` (README.md, "Remote state").
  backend "gcs" {
    prefix = "countersign"
  }
}

provider "google" {
  project               = var.project_id
  region                = var.region
  user_project_override = true # the budget's API wants to know whose quota it uses
  billing_project       = var.project_id

  default_labels = {
    app = var.name
  }
}

provider "google-beta" {
  project               = var.project_id
  region                = var.region
  user_project_override = true
  billing_project       = var.project_id
}

data "google_project" "this" {}
