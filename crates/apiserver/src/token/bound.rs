//! Whether what a token is bound to still is what it was when the token was made.

use jiff::Timestamp;
use seatrial_store::{Key, Record};
use serde::Deserialize;

use super::{Claims, Named};
use crate::state::State;

/// How far the clocks of who makes a token and who checks it may be apart, in seconds; what has been asked
/// to go counts as gone only after this (`jwt.DefaultLeeway`).
pub(super) const LEEWAY: i64 = 60;

const INVALIDATED: &str = "service account token has been invalidated";

/// What can be found where a token points.
enum Found {
    /// The same object.
    Same,
    /// Another object of the same name, with this uid.
    Another(String),
    /// Nothing, or an object that should be gone by now.
    Gone,
}

#[derive(Deserialize)]
struct Leaving {
    metadata: Moment,
}

#[derive(Deserialize)]
struct Moment {
    #[serde(rename = "deletionTimestamp")]
    deletion: Option<Timestamp>,
}

/// Whether the object was to be gone more than the leeway ago.
fn overdue(record: &Record, now: Timestamp) -> bool {
    // Few objects are: only these are read.
    record.metadata.deleting
        && serde_json::from_slice::<Leaving>(&record.bytes).is_ok_and(|object| {
            let at = object.metadata.deletion;
            at.is_some_and(|at| at.as_second() < now.as_second() - LEEWAY)
        })
}

fn find(state: &State, resource: &str, namespace: &str, object: &Named) -> Found {
    let key = Key::new(resource, namespace, &object.name);
    match state.store.get(&key) {
        Some(record) if overdue(&record, state.now()) => Found::Gone,
        Some(record) if *record.metadata.uid == *object.uid => Found::Same,
        Some(record) => Found::Another(record.metadata.uid.to_string()),
        None => Found::Gone,
    }
}

/// Whether everything that the token is bound to is still there.
///
/// # Errors
/// What is not, in upstream's words.
pub(super) fn still_there(state: &State, claims: &Claims) -> Result<(), String> {
    let own = &claims.own;
    let account = &own.serviceaccount;
    match find(state, "serviceaccounts", &own.namespace, account) {
        Found::Same => {}
        Found::Another(uid) => {
            return Err(format!(
                "service account UID ({uid}) does not match claim ({})",
                account.uid
            ));
        }
        Found::Gone => {
            return Err(format!(
                "service account {}/{} has been deleted",
                own.namespace, account.name
            ));
        }
    }
    let bound = |what: &str, namespace: &str, object: &Option<Named>| {
        let Some(object) = object else {
            return Ok(());
        };
        match find(state, &format!("{what}s"), namespace, object) {
            Found::Same => Ok(()),
            Found::Another(uid) => Err(format!(
                "{what} UID ({uid}) does not match service account {what} ref claim ({})",
                object.uid
            )),
            Found::Gone => Err(INVALIDATED.to_owned()),
        }
    };
    bound("secret", &own.namespace, &own.secret)?;
    bound("pod", &own.namespace, &own.pod)?;
    // The node of a bound pod is only information.
    if own.pod.is_none() {
        bound("node", "", &own.node)?;
    }
    Ok(())
}
