//! The services and the routes that split the traffic.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use seatrial_resources::argoproj::Rollout;
use seatrial_resources::istio::{HttpRoute, VirtualService};

use super::Error;
use super::fleet::HASH;
use super::observe::World;
use super::spec::{Routing, Spec};

/// What the spec names, as it stands in the cluster.
pub(super) struct Routes<'a> {
    pub(super) routing: &'a Routing<'a>,
    canary: Arc<Service>,
    stable: Arc<Service>,
    /// Each virtual service and the names of its routes to steer; none means the only one.
    routes: Vec<(Arc<VirtualService>, Vec<String>)>,
}

impl<'a> Routes<'a> {
    /// Finds everything that the spec names.
    pub(super) fn find(
        spec: &'a Spec<'a>,
        rollout: &Rollout,
        world: &World,
    ) -> Result<Option<Self>, Error> {
        let Some(routing) = &spec.routing else {
            return Ok(None);
        };
        let own = rollout.metadata.namespace.as_deref().unwrap_or_default();
        let missing = |field: &str, value: &str, detail: String| Error::Missing {
            name: spec.name.to_owned(),
            field: format!("spec.strategy.canary.{field}"),
            value: value.to_owned(),
            detail,
        };
        let service = |field: &str, name: &str| {
            let found = world.services.get(name).cloned();
            found.ok_or_else(|| {
                missing(
                    field,
                    name,
                    format!("service \"{name}\" not found in namespace {own}"),
                )
            })
        };
        let mut routes = Vec::new();
        for wanted in &routing.virtual_services {
            let (name, namespace) = wanted.name.split_once('.').unwrap_or((&wanted.name, own));
            let field = "trafficRouting.istio.virtualService.name";
            let found = world.routes.get(&(namespace.to_owned(), name.to_owned()));
            let found = found.cloned().ok_or_else(|| {
                missing(
                    field,
                    name,
                    format!("VirtualService \"{name}\" not found in namespace {namespace}"),
                )
            })?;
            let names = wanted.routes.clone().unwrap_or_default();
            check(&found, &names, routing)
                .map_err(|detail| missing("trafficRouting.istio.virtualService", name, detail))?;
            routes.push((found, names));
        }
        Ok(Some(Self {
            routing,
            canary: service("canaryService", routing.canary_service)?,
            stable: service("stableService", routing.stable_service)?,
            routes,
        }))
    }

    /// The canary's share at the moment: the largest of all routes.
    pub(super) fn carried(&self) -> i32 {
        self.steered()
            .flat_map(|(_, route)| &route.route)
            .filter(|part| is_host(&part.destination.host, self.routing.canary_service))
            .map(|part| part.weight.unwrap_or(100))
            .max()
            .unwrap_or(0)
    }

    /// Whether every route gives the canary exactly this share.
    pub(super) fn carry(&self, weight: i32) -> bool {
        self.rewritten(weight).is_empty()
    }

    fn steered(&self) -> impl Iterator<Item = (&VirtualService, &HttpRoute)> {
        self.routes.iter().flat_map(|(service, names)| {
            let routes = service
                .spec
                .http
                .iter()
                .filter(|route| is_wanted(route, names));
            routes.map(move |route| (&**service, route))
        })
    }

    /// The virtual services that have to change for the canary to get this share, with their new
    /// routes.
    pub(super) fn rewritten(&self, weight: i32) -> Vec<(Arc<VirtualService>, Vec<HttpRoute>)> {
        let canary = self.routing.canary_service;
        let stable = self.routing.stable_service;
        let mut changed = Vec::new();
        for (service, names) in &self.routes {
            let mut routes = service.spec.http.clone();
            for route in routes.iter_mut().filter(|route| is_wanted(route, names)) {
                for part in &mut route.route {
                    if is_host(&part.destination.host, canary) {
                        part.weight = Some(weight);
                    } else if is_host(&part.destination.host, stable) {
                        part.weight = Some(self.routing.max_weight - weight);
                    }
                }
            }
            if routes != service.spec.http {
                changed.push((Arc::clone(service), routes));
            }
        }
        changed
    }

    /// The services whose selector has to change so that each leads to the pods of this hash.
    pub(super) fn pointed(
        &self,
        stable: Option<&str>,
        canary: Option<&str>,
    ) -> BTreeMap<String, String> {
        let pairs = [(&self.stable, stable), (&self.canary, canary)];
        pairs
            .into_iter()
            .filter_map(|(service, hash)| {
                let hash = hash?;
                let selector = service
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.selector.as_ref());
                let has = selector.and_then(|selector| selector.get(HASH));
                let name = service.metadata.name.clone().unwrap_or_default();
                (has.map(String::as_str) != Some(hash)).then(|| (name, hash.to_owned()))
            })
            .collect()
    }
}

fn is_wanted(route: &HttpRoute, names: &[String]) -> bool {
    names.is_empty() || route.name.as_ref().is_some_and(|name| names.contains(name))
}

/// Whether a destination, short or fully qualified, is the service.
fn is_host(host: &str, service: &str) -> bool {
    host.split('.').next() == Some(service)
}

/// What keeps a virtual service from being steered.
fn check(service: &VirtualService, names: &[String], routing: &Routing<'_>) -> Result<(), String> {
    let routes = &service.spec.http;
    for name in names {
        if !routes
            .iter()
            .any(|route| route.name.as_deref() == Some(name))
        {
            return Err(format!(
                "HTTP Route '{name}' is not found in the defined Virtual Service."
            ));
        }
    }
    if names.is_empty() && routes.len() != 1 {
        let found = routes.len();
        return Err(format!(
            "{found} HTTP routes found: name the ones to steer in `routes`"
        ));
    }
    for route in routes.iter().filter(|route| is_wanted(route, names)) {
        for wanted in [routing.stable_service, routing.canary_service] {
            if !route
                .route
                .iter()
                .any(|part| is_host(&part.destination.host, wanted))
            {
                let name = route.name.as_deref().unwrap_or("(unnamed)");
                return Err(format!("route '{name}' has no destination {wanted}"));
            }
        }
    }
    Ok(())
}
