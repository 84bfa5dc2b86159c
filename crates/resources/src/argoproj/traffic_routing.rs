//! Who splits the traffic of a canary.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::any;
use crate::istio::StringMatch;

/// The routers that a Rollout may steer; Seatrial steers `istio` and refuses the others by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficRouting {
    /// Istio VirtualServices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub istio: Option<IstioTrafficRouting>,
    /// Ingress-NGINX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub nginx: Option<Value>,
    /// The AWS load balancer controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub alb: Option<Value>,
    /// The Service Mesh Interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub smi: Option<Value>,
    /// Ambassador.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub ambassador: Option<Value>,
    /// AWS App Mesh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub app_mesh: Option<Value>,
    /// Traefik.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub traefik: Option<Value>,
    /// Apache APISIX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub apisix: Option<Value>,
    /// Plugins by name, such as `argoproj-labs/gatewayAPI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub plugins: Option<Value>,
    /// Names of routes that steps may make, by precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_routes: Option<Vec<ManagedRoute>>,
    /// What a full share is; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_traffic_weight: Option<i32>,
}

/// A route that steps may make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ManagedRoute {
    /// Its name.
    pub name: String,
}

/// Istio VirtualServices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioTrafficRouting {
    /// One VirtualService.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<IstioVirtualService>,
    /// Several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_services: Option<Vec<IstioVirtualService>>,
    /// Splits by subsets of one host instead of by two services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_rule: Option<IstioDestinationRule>,
}

/// A VirtualService and the routes in it to steer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioVirtualService {
    /// Its name, or `name.namespace`.
    pub name: String,
    /// Names of HTTP routes; may be left out where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<String>>,
    /// TLS routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub tls_routes: Option<Value>,
    /// TCP routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub tcp_routes: Option<Value>,
}

/// Subsets of a DestinationRule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioDestinationRule {
    /// Its name.
    pub name: String,
    /// The subset of canary pods.
    pub canary_subset_name: String,
    /// The subset of stable pods.
    pub stable_subset_name: String,
}

/// Requests with certain headers go to the canary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeaderRoute {
    /// The managed route's name.
    pub name: String,
    /// The headers; none removes the route.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<Vec<HeaderMatch>>,
}

/// One header.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderMatch {
    /// Its name.
    pub header_name: String,
    /// What it must look like.
    pub header_value: StringMatch,
}

/// Requests are sent to the canary as well.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MirrorRoute {
    /// The managed route's name.
    pub name: String,
    /// Which requests; none removes the route.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub matches: Option<Value>,
    /// The share of requests in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<i32>,
}
