//! The `default` ServiceAccount that every namespace has.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::core::ObjectMeta;
use seatrial_controller::{
    Class, Classify, Context, ObjectKey, Outcome, Reconciler, Watches, is_terminating, write,
};

const DEFAULT: &str = "default";

/// The controller that keeps a `default` ServiceAccount in every namespace.
pub struct ServiceAccounts;

/// The account could not be created.
#[derive(Debug, thiserror::Error)]
#[error("create the default service account")]
pub struct Error(#[source] write::Error);

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "FailedCreateServiceAccount"
    }
}

impl Reconciler for ServiceAccounts {
    const NAME: &'static str = "service-account-controller";
    type Object = Namespace;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Namespace>) {
        watches.mapped::<ServiceAccount, _>(|account, _| {
            let namespace = account.metadata.namespace.as_deref().unwrap_or_default();
            let is_default = account.metadata.name.as_deref() == Some(DEFAULT);
            is_default
                .then(|| ObjectKey::cluster(namespace))
                .into_iter()
                .collect()
        });
    }

    async fn reconcile(&self, namespace: Arc<Namespace>, ctx: &Context) -> Result<Outcome, Error> {
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        let accounts = ctx.cache::<ServiceAccount>().await;
        if is_terminating(&*namespace) || accounts.find(name, DEFAULT).is_some() {
            return Ok(Outcome::settled());
        }
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(DEFAULT.to_owned()),
                namespace: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        match ctx.objects::<ServiceAccount>().create(&account).await {
            // Gone or there already: either way there is nothing to do.
            Err(error) if error.is_not_found() || error.is_already_exists() => {}
            Err(error) => return Err(Error(error)),
            Ok(_) => {}
        }
        Ok(Outcome::settled())
    }
}
