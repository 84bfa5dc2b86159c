//! Events are for people who look now: an hour after the last one of its kind, an Event goes.
//!
//! Flow: every [`PERIOD`] the Events are listed page by page, and those that nothing has renewed for
//! [`LIFETIME`] are deleted. They are listed rather than cached, since nothing else needs them in memory.
//! Guarantee: an Event that was renewed since it was listed stays (the delete names its version).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Preconditions};
use seatrial_controller::{Chain, Context, key_of};

/// The controller's name.
pub const NAME: &str = "event-expiry";
/// How often Events are looked at.
const PERIOD: Duration = Duration::from_mins(5);
/// How long an Event is kept (upstream's `--event-ttl`).
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// How many are listed at once.
const PAGE: u32 = 500;

/// Runs until the returned future is dropped.
pub async fn run(ctx: Context) {
    let ctx = ctx.named(NAME);
    loop {
        tokio::time::sleep(PERIOD).await;
        if let Err(error) = sweep(&ctx).await {
            tracing::warn!("list events: {}", Chain(&error));
        }
    }
}

async fn sweep(ctx: &Context) -> Result<(), kube::Error> {
    let events: Api<Event> = Api::all(ctx.client.clone());
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = events.list(&page).await?;
        let now = ctx.clock.now();
        for event in list.items.iter().filter(|event| is_expired(event, now)) {
            remove(event, ctx).await;
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(()),
        }
    }
}

async fn remove(event: &Event, ctx: &Context) {
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: event.metadata.uid.clone(),
        resource_version: event.metadata.resource_version.clone(),
    });
    let outcome = ctx.objects::<Event>().delete_with(event, params).await;
    if let Err(error) = outcome
        && !error.is_conflict()
    {
        tracing::warn!(event = %key_of(event), "remove an expired event: {}", Chain(&error));
    }
}

/// Whether nothing has happened to it for its lifetime.
fn is_expired(event: &Event, now: Timestamp) -> bool {
    let series = event.series.as_ref();
    let times = [
        event
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0),
        event.first_timestamp.as_ref().map(|time| time.0),
        event.last_timestamp.as_ref().map(|time| time.0),
        event.event_time.as_ref().map(|time| time.0),
        series.and_then(|series| Some(series.last_observed_time.as_ref()?.0)),
    ];
    let last = times.into_iter().flatten().max();
    last.is_some_and(|last| now.duration_since(last) >= LIFETIME)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(times: serde_json::Value) -> Event {
        let mut event = json!({
            "metadata": {"name": "e", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "involvedObject": {},
        });
        let members = event.as_object_mut().unwrap();
        members.extend(times.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn an_event_lives_an_hour_after_it_was_last_seen() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let once = event(json!({}));
        assert!(!is_expired(&once, at("2026-01-01T00:59:59Z")));
        assert!(is_expired(&once, at("2026-01-01T01:00:00Z")));
        let renewed = event(json!({"lastTimestamp": "2026-01-01T00:30:00Z"}));
        assert!(!is_expired(&renewed, at("2026-01-01T01:29:59Z")));
        assert!(is_expired(&renewed, at("2026-01-01T01:30:00Z")));
        let series = json!({"series": {"count": 3, "lastObservedTime": "2026-01-01T02:00:00.5Z"}});
        assert!(!is_expired(&event(series), at("2026-01-01T03:00:00Z")));
    }
}
