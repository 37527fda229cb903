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

# The key that signs receipts (docs/receipts.md). It never leaves Cloud KMS; who has its public key can
# check a receipt without us. A key ring cannot be deleted, and a key that is destroyed signs no more:
# receipts that it signed verify on.
locals {
  signing = toset([for function, f in local.functions : function if try(f.signs, false)])

  receipt_key = join("/", [
    "projects/${var.project_id}/locations/${var.region}/keyRings/${google_kms_key_ring.receipts.name}",
    "cryptoKeys/${google_kms_crypto_key.receipts.name}/cryptoKeyVersions/${var.receipt_key_version}",
  ])
}

resource "google_kms_key_ring" "receipts" {
  name     = var.name
  location = var.region

  depends_on = [time_sleep.apis_answer]
}

resource "google_kms_crypto_key" "receipts" {
  #checkov:skip=CKV_GCP_43:Cloud KMS rotates no asymmetric key by itself; docs/receipts.md says how to
  #checkov:skip=CKV_GCP_82:deletion_policy refuses it; a lifecycle rule would also stop `terraform test`
  name            = "receipts"
  key_ring        = google_kms_key_ring.receipts.id
  purpose         = "ASYMMETRIC_SIGN"
  deletion_policy = "PREVENT"

  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = "SOFTWARE"
  }
}

# Whoever signs also reads the public key, and checks what was signed.
resource "google_kms_crypto_key_iam_member" "signs" {
  for_each = local.signing

  crypto_key_id = google_kms_crypto_key.receipts.id
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.function[each.key].member
}

# `countersign receipt`.
resource "google_kms_crypto_key_iam_member" "operator_signs" {
  crypto_key_id = google_kms_crypto_key.receipts.id
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.operator.member
}
