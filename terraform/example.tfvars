# One file for each environment: copy this one to production.tfvars (or another name: `environment`),
# answer, have it reviewed and commit it; the pipeline plans with it. No secret belongs in here. What is
# not here has a safe default (variables*.tf): paper account, trading off, nobody may call from outside.

project_id          = "my-countersign-project"
region              = "us-central1"
alert_emails        = ["operator@example.com"]
billing_account     = "01AB23-CD45EF-678901"
dashboard_url       = "https://api.example.com"
firebase_project_id = "my-app-project"
runbook_url         = "https://example.com/countersign/docs/operations.md"

# The dashboard's database, for when its API is unreachable:
cloudflare = {
  account_id     = "0123456789abcdef0123456789abcdef"
  d1_database_id = "01234567-89ab-cdef-0123-456789abcdef"
}

# The app backend calls `answer` as itself; users' apps call `account_api` with their Firebase token.
answer_callers      = ["serviceAccount:app-backend@my-app-project.iam.gserviceaccount.com"]
account_api_callers = ["allUsers"]
# Operators open the console as themselves (docs/operations.md, The console).
console_callers     = ["group:trading-operators@example.com"]
app_backend_members = ["serviceAccount:app-backend@my-app-project.iam.gserviceaccount.com"]

# After `countersign doctor` is content:
# trading_enabled = true

# The pipeline, once the repository is connected to Cloud Build:
# repository   = "projects/my-countersign-project/locations/us-central1/connections/github/repositories/countersign"
# state_bucket = "my-countersign-project-terraform"
# approvers    = ["user:owner@example.com"]
