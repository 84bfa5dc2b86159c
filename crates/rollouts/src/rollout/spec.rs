//! What a Rollout asks for, checked and with its defaults.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_resources::argoproj::{CanaryStep, CanaryStrategy, IstioVirtualService, Rollout};

use super::{Error, duration};

/// A checked spec.
pub(super) struct Spec<'a> {
    pub(super) name: &'a str,
    /// How many pods in all.
    pub(super) replicas: i32,
    pub(super) canary: &'a CanaryStrategy,
    pub(super) steps: &'a [CanaryStep],
    /// Set where a router splits the traffic.
    pub(super) routing: Option<Routing<'a>>,
    /// How many pods more than `replicas` there may be.
    pub(super) max_surge: i32,
    /// How many fewer available ones.
    pub(super) max_unavailable: i32,
}

/// Two services and the routes that split the traffic between them.
pub(super) struct Routing<'a> {
    pub(super) canary_service: &'a str,
    pub(super) stable_service: &'a str,
    pub(super) virtual_services: Vec<&'a IstioVirtualService>,
    /// What a full share is.
    pub(super) max_weight: i32,
}

impl<'a> Spec<'a> {
    pub(super) fn read(rollout: &'a Rollout) -> Result<Self, Error> {
        let name = rollout.metadata.name.as_deref().unwrap_or_default();
        let invalid = |field: &str, detail: &str| Error::InvalidSpec {
            name: name.to_owned(),
            field: field.to_owned(),
            detail: detail.to_owned(),
        };
        let spec = &rollout.spec;
        if spec.workload_ref.is_some() {
            return Err(invalid(
                "spec.workloadRef",
                "not supported yet; use spec.template",
            ));
        }
        if spec.template.is_none() {
            return Err(invalid("spec.template", "Required value"));
        }
        let Some(canary) = &spec.strategy.canary else {
            let detail = "Rollout has missing field '.spec.strategy.canary'; blue-green is not supported yet";
            return Err(invalid("spec.strategy", detail));
        };
        check_selector(rollout, &invalid)?;
        check_canary(canary, &invalid)?;
        let steps = canary.steps.as_deref().unwrap_or_default();
        let max_weight = canary
            .traffic_routing
            .as_ref()
            .and_then(|routing| routing.max_traffic_weight)
            .unwrap_or(100);
        for (index, step) in steps.iter().enumerate() {
            check_step(step, max_weight, &|field: &str, detail: &str| {
                invalid(
                    &format!("spec.strategy.canary.steps[{index}]{field}"),
                    detail,
                )
            })?;
        }
        let replicas = spec.replicas.unwrap_or(1);
        let share = |value: &Option<IntOrString>, up: bool, default: &str, field: &str| {
            let default = IntOrString::String(default.to_owned());
            scaled(value.as_ref().unwrap_or(&default), replicas, up)
                .ok_or_else(|| invalid(field, "neither a number nor a percentage"))
        };
        let max_surge = share(
            &canary.max_surge,
            true,
            "25%",
            "spec.strategy.canary.maxSurge",
        )?;
        let unavailable = share(
            &canary.max_unavailable,
            false,
            "25%",
            "spec.strategy.canary.maxUnavailable",
        )?;
        Ok(Self {
            name,
            replicas,
            canary,
            steps,
            routing: routing(canary, max_weight, &invalid)?,
            max_surge,
            // With neither, nothing could ever move.
            max_unavailable: if max_surge == 0 {
                unavailable.max(1)
            } else {
                unavailable
            },
        })
    }

    /// The pods that are available at all times.
    pub(super) fn least_available(&self) -> i32 {
        self.replicas.saturating_sub(self.max_unavailable)
    }
}

fn scaled(value: &IntOrString, of: i32, up: bool) -> Option<i32> {
    match value {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(text) => {
            let percent: i32 = text.strip_suffix('%')?.parse().ok()?;
            let parts = i64::from(of) * i64::from(percent);
            let share = if up { (parts + 99) / 100 } else { parts / 100 };
            Some(i32::try_from(share).unwrap_or(i32::MAX))
        }
    }
}

type Invalid<'a> = dyn Fn(&str, &str) -> Error + 'a;

fn check_selector(rollout: &Rollout, invalid: &Invalid<'_>) -> Result<(), Error> {
    let field = "spec.selector";
    let selector = rollout.spec.selector.as_ref();
    let Some(labels) = selector.and_then(|selector| selector.match_labels.as_ref()) else {
        return Err(invalid(
            field,
            "Required value: matchLabels name the rollout's pods",
        ));
    };
    let template = rollout
        .spec
        .template
        .as_ref()
        .and_then(|template| template.metadata.as_ref());
    let found = template.and_then(|metadata| metadata.labels.as_ref());
    let fits = labels.iter().all(|(key, value)| {
        found
            .and_then(|found| found.get(key))
            .is_some_and(|found| found == value)
    });
    if labels.is_empty() || !fits {
        return Err(invalid(
            "spec.template.metadata.labels",
            "`selector` does not match template `labels`",
        ));
    }
    Ok(())
}

fn check_canary(canary: &CanaryStrategy, invalid: &Invalid<'_>) -> Result<(), Error> {
    let unsupported = [
        ("antiAffinity", canary.anti_affinity.is_some()),
        (
            "dynamicStableScale",
            canary.dynamic_stable_scale == Some(true),
        ),
        ("pingPong", canary.ping_pong.is_some()),
        ("canaryMetadata", canary.canary_metadata.is_some()),
        ("stableMetadata", canary.stable_metadata.is_some()),
    ];
    if let Some((field, _)) = unsupported.iter().find(|(_, used)| *used) {
        let field = format!("spec.strategy.canary.{field}");
        return Err(invalid(&field, "not supported yet; remove it"));
    }
    Ok(())
}

fn check_step(step: &CanaryStep, max_weight: i32, invalid: &Invalid<'_>) -> Result<(), Error> {
    let kinds = [
        ("setWeight", step.set_weight.is_some(), true),
        ("pause", step.pause.is_some(), true),
        ("analysis", step.analysis.is_some(), true),
        ("setCanaryScale", step.set_canary_scale.is_some(), true),
        ("experiment", step.experiment.is_some(), false),
        ("setHeaderRoute", step.set_header_route.is_some(), false),
        ("setMirrorRoute", step.set_mirror_route.is_some(), false),
        ("plugin", step.plugin.is_some(), false),
    ];
    let used: Vec<_> = kinds.iter().filter(|(_, used, _)| *used).collect();
    match used.as_slice() {
        [(_, _, true)] => {}
        [(kind, _, false)] => {
            let detail = "not supported yet; use setWeight, pause, analysis or setCanaryScale";
            return Err(invalid(&format!(".{kind}"), detail));
        }
        _ => {
            return Err(invalid(
                "",
                "Step must have one of the following set: setWeight, pause, analysis or setCanaryScale",
            ));
        }
    }
    if let Some(weight) = step.set_weight
        && !(0..=max_weight).contains(&weight)
    {
        let detail = format!("SetWeight needs to be between 0 and {max_weight}");
        return Err(invalid(".setWeight", &detail));
    }
    let duration = step
        .pause
        .as_ref()
        .and_then(|pause| pause.duration.as_ref());
    if duration.is_some_and(|value| duration::of(value).is_none()) {
        return Err(invalid(
            ".pause.duration",
            "Duration needs to be greater than 0, such as 30s, 5m or 30",
        ));
    }
    Ok(())
}

fn routing<'a>(
    canary: &'a CanaryStrategy,
    max_weight: i32,
    invalid: &Invalid<'_>,
) -> Result<Option<Routing<'a>>, Error> {
    let Some(routing) = &canary.traffic_routing else {
        return Ok(None);
    };
    let field = "spec.strategy.canary.trafficRouting";
    let others = [
        ("nginx", routing.nginx.is_some()),
        ("alb", routing.alb.is_some()),
        ("smi", routing.smi.is_some()),
        ("ambassador", routing.ambassador.is_some()),
        ("appMesh", routing.app_mesh.is_some()),
        ("traefik", routing.traefik.is_some()),
        ("apisix", routing.apisix.is_some()),
        ("plugins", routing.plugins.is_some()),
        ("managedRoutes", routing.managed_routes.is_some()),
    ];
    if let Some((other, _)) = others.iter().find(|(_, used)| *used) {
        return Err(invalid(
            &format!("{field}.{other}"),
            "not supported yet; use istio.virtualService",
        ));
    }
    let Some(istio) = &routing.istio else {
        return Err(invalid(
            field,
            "Required value: istio.virtualService names the route to steer",
        ));
    };
    if istio.destination_rule.is_some() {
        let detail = "not supported yet; use canaryService and stableService";
        return Err(invalid(&format!("{field}.istio.destinationRule"), detail));
    }
    let several = istio.virtual_services.iter().flatten();
    let virtual_services: Vec<_> = istio.virtual_service.iter().chain(several).collect();
    if virtual_services.is_empty() {
        return Err(invalid(
            &format!("{field}.istio"),
            "Required value: virtualService",
        ));
    }
    let service = |service: &'a Option<String>, name: &str| {
        service.as_deref().filter(|service| !service.is_empty()).ok_or_else(|| {
            let detail = "Required value: traffic routing splits between canaryService and stableService";
            invalid(&format!("spec.strategy.canary.{name}"), detail)
        })
    };
    Ok(Some(Routing {
        canary_service: service(&canary.canary_service, "canaryService")?,
        stable_service: service(&canary.stable_service, "stableService")?,
        virtual_services,
        max_weight,
    }))
}
