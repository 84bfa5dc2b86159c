//! How far a rolling update may go beyond and below the wanted size. Pure.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Error;

/// The wanted size and the room around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// `spec.replicas`.
    pub(super) replicas: i32,
    /// How many pods beyond the wanted size may exist.
    pub(super) surge: i32,
    /// How many of the wanted pods may be unavailable.
    pub(super) unavailable: i32,
}

/// Whether all old pods go before the first new one comes.
pub(super) fn is_recreate(deployment: &Deployment) -> bool {
    strategy(deployment) == "Recreate"
}

fn strategy(deployment: &Deployment) -> &str {
    let strategy = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.strategy.as_ref());
    strategy
        .and_then(|strategy| strategy.type_.as_deref())
        .unwrap_or("RollingUpdate")
}

impl Limits {
    /// Reads the limits. Percentages of the wanted size: the surge rounds up, the unavailable round
    /// down; where both come to zero one may be unavailable, or nothing could ever move (upstream's
    /// `ResolveFenceposts`).
    pub(super) fn of(deployment: &Deployment) -> Result<Self, Error> {
        let spec = deployment.spec.as_ref().ok_or(Error::NoSpec)?;
        let replicas = spec.replicas.unwrap_or(1);
        match strategy(deployment) {
            "RollingUpdate" => {}
            "Recreate" => {
                return Ok(Self {
                    replicas,
                    surge: 0,
                    unavailable: 0,
                });
            }
            other => return Err(Error::Strategy(other.to_owned())),
        }
        let rolling = spec
            .strategy
            .as_ref()
            .and_then(|strategy| strategy.rolling_update.as_ref());
        let quarter = IntOrString::String("25%".to_owned());
        let surge = rolling
            .and_then(|rolling| rolling.max_surge.as_ref())
            .unwrap_or(&quarter);
        let unavailable = rolling
            .and_then(|rolling| rolling.max_unavailable.as_ref())
            .unwrap_or(&quarter);
        let surge = resolve("maxSurge", surge, replicas, Rounding::Up)?;
        let mut unavailable = resolve("maxUnavailable", unavailable, replicas, Rounding::Down)?;
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        Ok(Self {
            replicas,
            surge,
            unavailable: unavailable.min(replicas),
        })
    }

    /// The most pods that may exist.
    pub(super) fn most(self) -> i32 {
        self.replicas.saturating_add(self.surge)
    }

    /// The fewest pods that must be available.
    pub(super) fn fewest(self) -> i32 {
        self.replicas - self.unavailable
    }
}

#[derive(Clone, Copy)]
enum Rounding {
    Up,
    Down,
}

fn resolve(
    field: &'static str,
    value: &IntOrString,
    total: i32,
    rounding: Rounding,
) -> Result<i32, Error> {
    let percent = match value {
        IntOrString::Int(count) => return Ok((*count).max(0)),
        IntOrString::String(text) => text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<i64>().ok())
            .filter(|percent| *percent >= 0)
            .ok_or_else(|| Error::Limit {
                field,
                value: text.clone(),
            })?,
    };
    let product = percent * i64::from(total);
    let count = match rounding {
        Rounding::Up => (product + 99) / 100,
        Rounding::Down => product / 100,
    };
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}
