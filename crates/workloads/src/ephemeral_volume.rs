//! Claims of pods' own: a pod's volume of the kind `ephemeral` has a template for one.
//!
//! Flow: a pod with such a volume → a claim `<pod>-<volume>`, owned by the pod, so that it goes with it.
//! Guarantees: a claim of that name that belongs to somebody else is left alone, and said in an event.

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Volume};
use kube::Resource;
use kube::core::ObjectMeta;
use seatrial_controller::{
    Cache, Chain, Change, Context, Delay, Notice, ObjectKey, Queue, is_controlled_by, key_of,
    owner_reference, write,
};

/// The controller's name.
pub const NAME: &str = "ephemeral-volume-controller";

/// Runs until the returned future is dropped.
pub async fn run(ctx: Context) {
    let ctx = ctx.named(NAME);
    let pods = ctx.cache::<Pod>().await;
    let queue = Queue::new(Delay {
        pace: Duration::ZERO,
        ..Delay::default()
    });
    let mut changes = pods.subscribe();
    loop {
        tokio::select! {
            biased;
            news = changes.news() => match news {
                // Few pods have such a volume; of the others the text is enough.
                Some(news) if news.is_new() && news.mentions("\"ephemeral\"") => {
                    if let Some(Change::Applied { object, .. }) = news.read()
                        && volumes(&object).next().is_some()
                    {
                        queue.add(key_of(&*object));
                    }
                }
                Some(_) => {}
                None => return,
            },
            key = queue.next() => {
                match provide(&pods, &key, &ctx.scoped()).await {
                    Ok(()) => queue.forget(&key),
                    Err(error) => {
                        tracing::debug!(pod = %key, "make a claim: {}", Chain(&error));
                        queue.add_failed(key.clone());
                    }
                }
                queue.done(&key);
            }
        }
    }
}

fn volumes(pod: &Pod) -> impl Iterator<Item = &Volume> {
    let spec = pod.spec.iter();
    let all = spec.flat_map(|spec| spec.volumes.iter().flatten());
    all.filter(|volume| volume.ephemeral.is_some())
}

/// Makes the claims that a pod has templates for, where they are missing.
async fn provide(pods: &Cache<Pod>, key: &ObjectKey, ctx: &Context) -> Result<(), write::Error> {
    let Some(pod) = pods.get(key) else {
        return Ok(());
    };
    if pod.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let claims = ctx.objects::<PersistentVolumeClaim>();
    for volume in volumes(&pod) {
        let Some(wanted) = claim(&pod, volume) else {
            continue;
        };
        match claims.create(&wanted).await {
            Err(error) if error.is_already_exists() => {
                let there = claims.get(&key_of(&wanted)).await?;
                if !is_controlled_by(&there, &*pod) {
                    let text = format!(
                        "PVC {} was not created for pod {key} (pod is not owner)",
                        key_of(&wanted)
                    );
                    let notice = Notice::warning("FailedBinding", text);
                    ctx.recorder.publish(&pod.object_ref(&()), &notice).await;
                }
            }
            made => drop(made?),
        }
    }
    Ok(())
}

/// The claim that a volume has a template for. Pure.
fn claim(pod: &Pod, volume: &Volume) -> Option<PersistentVolumeClaim> {
    let template = volume.ephemeral.as_ref()?.volume_claim_template.as_ref()?;
    let meta = template.metadata.clone().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    Some(PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{}", volume.name)),
            namespace: pod.metadata.namespace.clone(),
            labels: meta.labels,
            annotations: meta.annotations,
            owner_references: Some(vec![owner_reference(pod)]),
            ..ObjectMeta::default()
        },
        spec: Some(template.spec.clone()),
        ..PersistentVolumeClaim::default()
    })
}
