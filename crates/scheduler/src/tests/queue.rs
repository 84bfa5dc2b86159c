//! In which order pods are tried, and when again.

use std::time::Duration;

use super::key;
use crate::pending::Pending;
use crate::reason::Cause;

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn waiting_pods_go_by_priority_and_rest_after_a_failure() {
    let mut pending = Pending::default();
    pending.add(&key("first"), 0);
    pending.add(&key("second"), 0);
    pending.add(&key("urgent"), 100);
    assert_eq!(pending.pop(), Some(key("urgent")));
    assert_eq!(pending.pop(), Some(key("first")));
    pending.failed(&key("first"), [Cause::Room].into());
    assert_eq!(pending.pop(), Some(key("second")));
    assert_eq!(pending.pop(), None);
    pending.stir(&[Cause::Room]);
    assert_eq!(pending.pop(), None, "the back-off is not over");
    seconds(1).await;
    assert_eq!(pending.pop(), Some(key("first")));
}

#[tokio::test(start_paused = true)]
async fn only_what_may_help_wakes_a_pod() {
    let mut pending = Pending::default();
    pending.add(&key("web"), 0);
    pending.pop();
    pending.failed(&key("web"), [Cause::Taints, Cause::Room].into());
    pending.stir(&[Cause::Pods, Cause::Labels, Cause::Volumes]);
    seconds(60).await;
    assert_eq!(pending.pop(), None);
    pending.stir(&[Cause::Taints]);
    assert_eq!(pending.pop(), Some(key("web")));
    pending.failed(&key("web"), [Cause::Room].into());
    seconds(301).await;
    assert_eq!(
        pending.pop(),
        Some(key("web")),
        "at the latest after five minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn the_back_off_doubles_up_to_ten_seconds() {
    let mut pending = Pending::default();
    pending.add(&key("web"), 0);
    for expected in [1, 2, 4, 8, 10, 10] {
        assert_eq!(pending.pop(), Some(key("web")));
        let before = tokio::time::Instant::now();
        pending.failed(&key("web"), [].into());
        tokio::time::sleep_until(pending.deadline().unwrap()).await;
        assert_eq!(before.elapsed().as_secs(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_changed_or_went_is_not_forgotten_in_a_corner() {
    let mut pending = Pending::default();
    pending.add(&key("web"), 0);
    pending.pop();
    pending.failed(&key("web"), [Cause::Labels].into());
    pending.hurry(&key("web"));
    seconds(1).await;
    assert_eq!(pending.pop(), Some(key("web")));
    pending.failed(&key("web"), [Cause::Labels].into());
    pending.remove(&key("web"));
    pending.stir(&[Cause::Labels]);
    seconds(600).await;
    assert_eq!(pending.pop(), None);
    assert_eq!(pending.deadline(), None);
}
