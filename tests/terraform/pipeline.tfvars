# With terraform/example.tfvars, so that every block makes something.
repository   = "projects/my-countersign-project/locations/us-central1/connections/github/repositories/countersign"
state_bucket = "my-countersign-project-terraform"
approvers    = ["user:owner@example.com"]
stream_image = "us-central1-docker.pkg.dev/my-countersign-project/countersign/stream:1"
