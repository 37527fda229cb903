# The jobs are those of infra/schedules.yaml.

variables {
  project_id          = "my-project"
  alert_emails        = ["operator@example.com"]
  dashboard_url       = "https://api.example.com"
  firebase_project_id = "my-app"
}

run "snapshots_go_by_new_york_time" {
  command = plan

  assert {
    condition = alltrue([
      for name, job in google_cloud_scheduler_job.this : job.time_zone == "America/New_York" && endswith(job.schedule, "1-5")
      if strcontains(name, "snapshot")
    ])
    error_message = "A snapshot's job runs on weekdays, New York time."
  }

  assert {
    condition     = length([for name, job in google_cloud_scheduler_job.this : name if strcontains(name, "snapshot")]) == 3
    error_message = "Three snapshots a day."
  }
}

run "a_job_waits_for_its_first_resume" {
  command = plan

  assert {
    condition     = alltrue([for job in google_cloud_scheduler_job.this : job.paused])
    error_message = "A new job is paused."
  }
}

run "a_function_runs_as_long_as_its_schedule_waits" {
  command = plan

  assert {
    condition = alltrue([
      for name, job in local.schedules :
      "${google_cloudfunctions2_function.this[job.function].service_config[0].timeout_seconds}s" == google_cloud_scheduler_job.this[name].attempt_deadline
    ])
    error_message = "Attempt deadline and timeout are the same."
  }
}
