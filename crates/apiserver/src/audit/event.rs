//! One event about one request.

use http::Request;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::policy::{Level, Stage, Verdict};
use crate::access::Asked;
use crate::gate::Original;
use crate::identity::Identity;

/// What is known of a request, growing while it is worked on.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) verdict: Verdict,
    fields: Map<String, Value>,
    /// Whether the request is about Secrets.
    pub(super) secret: bool,
}

/// In microseconds, as upstream's `MicroTime`.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn user(identity: &Identity) -> Value {
    let mut user = json!({ "username": identity.user, "groups": identity.groups });
    if !identity.uid.is_empty() {
        user["uid"] = json!(identity.uid);
    }
    if !identity.extra.is_empty() {
        user["extra"] = json!(identity.extra);
    }
    user
}

impl Event {
    pub(super) fn of<B>(
        request: &Request<B>,
        asked: &Asked<'_>,
        verdict: Verdict,
        id: &str,
        now: Timestamp,
    ) -> Self {
        let anonymous = Identity::anonymous();
        let identity = request.extensions().get::<Identity>().unwrap_or(&anonymous);
        let mut event = json!({
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": format!("{:?}", verdict.level),
            "auditID": id,
            "requestURI": request.uri().path_and_query().map_or("/", |uri| uri.as_str()),
            "verb": asked.verb(),
            "user": user(identity),
            "requestReceivedTimestamp": moment(now),
        });
        if let Some(Original(original)) = request.extensions().get() {
            event["impersonatedUser"] = event["user"].take();
            event["user"] = user(original);
        }
        if let Some(agent) = request.headers().get(http::header::USER_AGENT) {
            event["userAgent"] = json!(String::from_utf8_lossy(agent.as_bytes()));
        }
        if let Some(peer) = request.extensions().get::<std::net::SocketAddr>() {
            event["sourceIPs"] = json!([peer.ip().to_string()]);
        }
        let mut secret = false;
        if let Asked::Object(asked) = asked {
            secret = asked.group.is_empty() && asked.resource == "secrets";
            let mut about = Map::new();
            for (key, text) in [
                ("resource", &asked.resource),
                ("namespace", &asked.namespace),
                ("name", &asked.name),
                ("apiGroup", &asked.group),
                ("apiVersion", &asked.version),
                ("subresource", &asked.subresource),
            ] {
                if !text.is_empty() {
                    about.insert(key.to_owned(), json!(text));
                }
            }
            event["objectRef"] = Value::Object(about);
        }
        let fields = match event {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        Self {
            verdict,
            fields,
            secret,
        }
    }

    pub(super) fn set(&mut self, field: &str, value: Value) {
        self.fields.insert(field.to_owned(), value);
    }

    /// Whether bodies of at least this level are wanted.
    pub(super) fn wants(&self, level: Level) -> bool {
        self.verdict.level >= level
    }

    /// A body, as the log shows it; `None` where it is no JSON.
    pub(super) fn body(&self, bytes: &[u8]) -> Option<Value> {
        let mut value = serde_json::from_slice(bytes).ok()?;
        super::mask::mask(&mut value, self.secret, self.verdict.omit_managed_fields);
        Some(value)
    }

    /// The line of this stage; `None` where the policy leaves it out.
    pub(super) fn line(&self, stage: Stage, now: Timestamp) -> Option<String> {
        if self.verdict.omitted.contains(&stage) {
            return None;
        }
        let mut fields = self.fields.clone();
        fields.insert("stage".to_owned(), json!(format!("{stage:?}")));
        fields.insert("stageTimestamp".to_owned(), json!(moment(now)));
        Some(Value::Object(fields).to_string())
    }
}
