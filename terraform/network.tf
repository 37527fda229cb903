# A network for one purpose: functions and builds reach the database's private address.

locals {
  functions_range = "10.10.0.0/22"

  # Cloud Run takes two addresses an instance, for the old revision and the new one while they change.
  addresses_needed = 4 * sum(values(local.max_instances))
  addresses        = pow(2, 32 - tonumber(split("/", local.functions_range)[1])) - 4 # Google keeps four
}

resource "google_compute_network" "this" {
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [time_sleep.apis_answer]
}

resource "google_compute_subnetwork" "functions" {
  #checkov:skip=CKV_GCP_76:the network has no IPv6 addresses to give a private access to
  name                     = "${var.name}-functions"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = local.functions_range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }

  lifecycle {
    precondition {
      condition     = local.addresses_needed <= local.addresses
      error_message = "All instances of two revisions may need ${local.addresses_needed} addresses, and ${local.functions_range} has ${local.addresses}: lower max_instances or take a larger range."
    }
  }
}

# Nothing listens in here.
resource "google_compute_firewall" "deny_ingress" {
  name      = "${var.name}-deny-ingress"
  network   = google_compute_network.this.id
  direction = "INGRESS"
  priority  = 1000

  source_ranges = ["0.0.0.0/0"]
  deny {
    protocol = "all"
  }
}

# Where Google puts the database, and the workers of our builds.
resource "google_compute_global_address" "services" {
  name          = "${var.name}-services"
  network       = google_compute_network.this.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = "10.20.0.0"
  prefix_length = 16
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}
