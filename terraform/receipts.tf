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
