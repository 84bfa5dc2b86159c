//! ResourceQuota: counts what a namespace uses, for the quota's status.
//!
//! Flow: the quota is read → every kind that it limits is listed → `status` is written over the version
//! that was read. Guarantee: the server charges the quota in the commit of each object that uses it, which
//! changes the quota's version; so a count that missed one is refused and made again. Since the server
//! keeps `status.used` right by itself from then on, a quota is counted when its limits change, and every
//! [`PERIOD`] (upstream's `--resource-quota-sync-period`) for what happened past the server's books.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::Api;
use kube::api::{DynamicObject, ListParams, PostParams};
use seatrial_controller::{Class, Classify, Context, ObjectKey, Outcome, Reconciler, key_of};
use seatrial_schema::amount::Amount;
use seatrial_schema::quota::{self, Usage};

use crate::discovery;

/// How often everything is counted again.
const PERIOD: Duration = Duration::from_mins(5);
/// How often a count is made anew where objects come and go meanwhile.
const ATTEMPTS: usize = 10;

/// The controller of quotas.
#[derive(Debug, Default)]
pub struct ResourceQuotas {
    counted: Mutex<BTreeMap<ObjectKey, Timestamp>>,
}

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kinds could not be discovered, so it is unknown what may be counted.
    #[error("find out what can be counted")]
    Discover(#[from] discovery::Error),
    /// The quota could not be read.
    #[error("read the quota")]
    Read(#[source] Box<kube::Error>),
    /// Objects could not be listed.
    #[error("list {0}")]
    List(String, #[source] Box<kube::Error>),
    /// What was counted could not be turned into the server's form.
    #[error("read {0}")]
    Decode(String, #[source] serde_json::Error),
    /// The count could not be written.
    #[error("write what was counted")]
    Write(#[source] Box<kube::Error>),
    /// Objects came and went during every count.
    #[error("count objects while they come and go")]
    Restless,
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "ReplenishmentFailed"
    }
}

impl Reconciler for ResourceQuotas {
    const NAME: &'static str = "resourcequota-controller";
    type Object = ResourceQuota;
    type Error = Error;

    async fn reconcile(&self, quota: Arc<ResourceQuota>, ctx: &Context) -> Result<Outcome, Error> {
        let key = key_of(&*quota);
        let now = ctx.clock.now();
        let last = self.lock().get(&key).copied();
        let due = last.is_none_or(|last| now.duration_since(last) >= period());
        if due || !is_counted(&quota) {
            count(&key, ctx).await?;
            self.lock().insert(key, now);
        }
        Ok(Outcome::waiting(PERIOD))
    }
}

impl ResourceQuotas {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectKey, Timestamp>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn period() -> SignedDuration {
    SignedDuration::try_from(PERIOD).unwrap_or(SignedDuration::MAX)
}

/// Whether the status is about the limits as they are now.
fn is_counted(quota: &ResourceQuota) -> bool {
    let hard = quota.spec.as_ref().and_then(|spec| spec.hard.as_ref());
    let status = quota.status.as_ref();
    let known = status.and_then(|status| status.hard.as_ref());
    let used = status.and_then(|status| status.used.as_ref());
    let names = |list: Option<&BTreeMap<String, Quantity>>| -> BTreeSet<String> {
        list.into_iter().flat_map(BTreeMap::keys).cloned().collect()
    };
    hard == known && names(hard) == names(used)
}

async fn count(key: &ObjectKey, ctx: &Context) -> Result<(), Error> {
    let namespace = &*key.namespace;
    let quotas: Api<ResourceQuota> = Api::namespaced(ctx.client.clone(), namespace);
    for _ in 0..ATTEMPTS {
        let read = quotas.get_opt(&key.name).await;
        let Some(mut quota) = read.map_err(|error| Error::Read(Box::new(error)))? else {
            return Ok(());
        };
        let hard = quota
            .spec
            .as_ref()
            .and_then(|spec| spec.hard.clone())
            .unwrap_or_default();
        let used = used(&quota, &hard, namespace, ctx).await?;
        let status = ResourceQuotaStatus {
            hard: Some(hard),
            used: Some(used),
        };
        if quota.status.as_ref() == Some(&status) {
            return Ok(());
        }
        quota.status = Some(status);
        match quotas
            .replace_status(&key.name, &PostParams::default(), &quota)
            .await
        {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            // Something was charged since the quota was read; the count may have missed it.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(Error::Write(Box::new(error))),
        }
    }
    Err(Error::Restless)
}

/// What of `hard` is used now.
async fn used(
    quota: &ResourceQuota,
    hard: &BTreeMap<String, Quantity>,
    namespace: &str,
    ctx: &Context,
) -> Result<BTreeMap<String, Quantity>, Error> {
    let decode = |what: &str| {
        let what = what.to_owned();
        move |error| Error::Decode(what, error)
    };
    let scopes = quota::scopes_for(&serde_json::to_value(quota).map_err(decode("the quota"))?);
    let wanted: BTreeSet<(&str, &str)> =
        hard.keys().map(|name| quota::counted_kind(name)).collect();
    let mut total = Usage::new();
    for kind in discovery::kinds(&ctx.client).await? {
        let resource = &kind.resource;
        let (group, plural) = (resource.group.as_str(), resource.plural.as_str());
        if !kind.namespaced || !wanted.contains(&(group, plural)) {
            continue;
        }
        let api: Api<DynamicObject> = Api::namespaced_with(ctx.client.clone(), namespace, resource);
        let listed = api.list(&ListParams::default()).await;
        let listed = listed.map_err(|error| Error::List(plural.to_owned(), Box::new(error)))?;
        for object in &listed {
            let object = serde_json::to_value(object).map_err(decode(plural))?;
            if quota::covers(&scopes, group, plural, &object) {
                quota::add(&mut total, &quota::usage(group, plural, &object));
            }
        }
    }
    let amount = |name: &String| total.get(name).copied().unwrap_or(Amount::ZERO);
    let used = hard
        .keys()
        .map(|name| (name.clone(), Quantity(amount(name).to_string())));
    Ok(used.collect())
}
