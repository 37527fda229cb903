# Topics, and a subscription for everybody who listens. A message that its reader refuses too often
# goes to the one dead-letter topic, which says in an attribute whose it was.

locals {
  topics     = toset(["orders-approved", "questions-created", "rules-fired", "snapshots-ingested", "trade-updates"])
  app_topics = toset(["questions-created", "trade-updates"])

  # How long and how often a reader is tried. Ordered: a user's messages, one after the other.
  deliveries = {
    # Every message asks for the same, to look at what is stored: one that fails must not hold up the
    # next, and an old one is worth nothing.
    evaluate = { ordered = false, attempts = 5, retention = "600s", min_backoff = "10s", max_backoff = "60s" }
    # A piece of those who are to be asked, worth nothing once the question would have expired.
    ask = { ordered = false, attempts = 5, retention = "600s", min_backoff = "10s", max_backoff = "60s" }
    # About half an hour; after that reconcile_orders still looks after the order and reports it.
    submit_order = { ordered = true, attempts = 35, retention = "86400s", min_backoff = "10s", max_backoff = "60s" }
    app_backend  = { ordered = true, attempts = 20, retention = "604800s", min_backoff = "10s", max_backoff = "600s" }
  }

  subscriptions = merge(
    {
      for function, topic in local.events : local.names[function] => merge(local.deliveries[function], {
        topic        = topic
        url          = google_cloudfunctions2_function.this[function].service_config[0].uri
        ack_deadline = local.timeouts[function] + 10 # never twice at once because one takes its time
      })
    },
    {
      for topic in local.app_topics : "${var.name}-app-${topic}" => merge(local.deliveries.app_backend, {
        topic        = topic
        url          = lookup(var.app_backend_push_urls, topic, "")
        ack_deadline = 60
      })
    },
  )
}

resource "google_pubsub_topic" "this" {
  #checkov:skip=CKV_GCP_83:messages hold ids and amounts, no secret; Google's own key suffices, and a key of ours could be lost
  for_each = local.topics

  name                       = each.key
  message_retention_duration = "86400s" # to replay a day, should a reader have thrown it away

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [time_sleep.apis_answer]
}

resource "google_pubsub_subscription" "this" {
  for_each = local.subscriptions

  name                       = each.key
  topic                      = google_pubsub_topic.this[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline
  enable_message_ordering    = each.value.ordered
  message_retention_duration = each.value.retention

  dynamic "push_config" {
    for_each = each.value.url == "" ? [] : [each.value.url]
    content {
      push_endpoint = push_config.value

      oidc_token {
        service_account_email = google_service_account.push.email
        audience              = push_config.value
      }
    }
  }

  retry_policy {
    minimum_backoff = each.value.min_backoff
    maximum_backoff = each.value.max_backoff
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = each.value.attempts
  }

  expiration_policy {
    ttl = "" # never: a quiet month is no reason to lose it
  }

  # A push begins at once: whatever it needs to be let in is there before.
  depends_on = [
    google_cloud_run_service_iam_member.push_invokes,
    google_pubsub_topic_iam_member.agent_dead_letters,
    google_service_account_iam_member.agent_signs,
  ]
}

resource "google_pubsub_topic" "dead_letters" {
  #checkov:skip=CKV_GCP_83:the same messages as on the other topics
  name = "${var.name}-dead-letters"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [time_sleep.apis_answer]
}

# Kept for a person (docs/operations.md); the only subscription that has no dead letters of its own.
resource "google_pubsub_subscription" "dead_letters" {
  name                       = "${var.name}-dead-letters"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s"
  retain_acked_messages      = true # pulling it by mistake loses nothing

  expiration_policy {
    ttl = ""
  }
}

# Publishing: each function that relays, on each topic, for it publishes what the outbox holds.
resource "google_pubsub_topic_iam_member" "publishes" {
  for_each = merge([
    for function, f in local.functions : {
      for topic in local.topics : "${function} ${topic}" => { function = function, topic = topic }
    } if f.relays
  ]...)

  topic  = google_pubsub_topic.this[each.value.topic].id
  role   = "roles/pubsub.publisher"
  member = google_service_account.function[each.value.function].member
}

# Dead-lettering is done by Pub/Sub's own account: it publishes there, and acknowledges here. Without
# both grants messages are redelivered for ever, and nothing says why.
resource "google_pubsub_topic_iam_member" "agent_dead_letters" {
  topic  = google_pubsub_topic.dead_letters.id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "agent_acknowledges" {
  for_each = google_pubsub_subscription.this

  subscription = each.value.id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# Pub/Sub signs its pushes as the push account.
resource "google_service_account_iam_member" "agent_signs" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "app_pulls" {
  for_each = {
    for pair in setproduct(local.app_topics, toset(var.app_backend_members)) : "${pair[0]} ${pair[1]}" => { topic = pair[0], member = pair[1] }
  }

  subscription = google_pubsub_subscription.this["${var.name}-app-${each.value.topic}"].id
  role         = "roles/pubsub.subscriber"
  member       = each.value.member
}
