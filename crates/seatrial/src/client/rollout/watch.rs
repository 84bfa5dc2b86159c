//! `rollout get -w`: drawn anew whenever something changes.

use std::fmt::Debug;
use std::process::ExitCode;
use std::time::Duration;

use futures::stream::{BoxStream, select_all};
use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::watcher;
use seatrial_resources::argoproj::{AnalysisRun, Rollout};
use serde::de::DeserializeOwned;

use super::{Place, gather, view};
use crate::client::connect::Session;
use crate::client::follow::Canvas;

/// The least time between two drawings: many changes come together.
const PAUSE: Duration = Duration::from_millis(150);

/// How often ages are drawn anew where nothing else changes.
const TICK: Duration = Duration::from_secs(1);

/// Draws until it is interrupted or the rollout is gone.
pub(super) async fn run(session: &Session, place: &Place) -> anyhow::Result<ExitCode> {
    // Says at once where there is no such rollout.
    place.read().await?;
    let mut changes = select_all([
        changes::<Rollout>(session, place),
        changes::<ReplicaSet>(session, place),
        changes::<Pod>(session, place),
        changes::<AnalysisRun>(session, place),
    ]);
    let mut canvas = Canvas::new(session.screen.clone());
    let terminal = session.screen.is_terminal();
    let mut said = String::new();
    loop {
        let info = gather::read(session, place).await?;
        if terminal {
            canvas.draw(&view::details(&info, session.screen.paint()));
        } else {
            let line = view::one_line(&info);
            if line != said {
                session.screen.line(format!(
                    "{}  {line}",
                    session.clock.now().strftime("%H:%M:%S")
                ));
                said = line;
            }
        }
        tokio::time::sleep(PAUSE).await;
        // What came while drawing and pausing is answered by one more drawing.
        let waited = if terminal { TICK } else { TICK * 60 };
        let mut any = false;
        while changes.next().now_or_never().flatten().is_some() {
            any = true;
        }
        if !any {
            let _ = tokio::time::timeout(waited, changes.next()).await;
        }
    }
}

/// One item for each change of any object of a kind in the namespace; failing watches start again.
fn changes<K>(session: &Session, place: &Place) -> BoxStream<'static, ()>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + Send
        + DeserializeOwned
        + 'static,
{
    let api: Api<K> = Api::namespaced(session.client.clone(), &place.namespace);
    let events = watcher(api, watcher::Config::default());
    let backed = kube::runtime::WatchStreamExt::default_backoff(events);
    backed.map(|_| ()).boxed()
}
