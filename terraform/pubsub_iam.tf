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
