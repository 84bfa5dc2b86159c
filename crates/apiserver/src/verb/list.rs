//! Reading many objects, in pages.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use seatrial_store::{Compacted, Listing, Page, Revision};
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::custom::selection;
use crate::failure::{Cause, Failure, Reason};
use crate::reply::Listed;
use crate::selector::Filter;

/// Where the next page begins: what a `continue` token holds.
#[derive(Debug, Serialize, Deserialize)]
struct Continue {
    /// 0 where the revision is forgotten and the client goes on with what there is now.
    #[serde(rename = "v")]
    revision: Revision,
    #[serde(rename = "s")]
    namespace: String,
    #[serde(rename = "n")]
    name: String,
}

/// Upstream's words for a page whose list is forgotten.
const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list \
    without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. \
    Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted \
    between the time the first chunk was returned and now may show up in the list.";

impl Continue {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(token: &str) -> Result<Self, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('='));
        bytes
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Failure::bad_request("continue key is not valid"))
    }
}

pub(super) async fn list(call: &Call) -> Result<Response, Failure> {
    let mut listed = select(call).await?;
    listed.items = crate::custom::conversion::served_records(call, listed.items).await?;
    listed.reply(call).await
}

/// The objects that a list request selects.
pub(super) async fn select(call: &Call) -> Result<Listed, Failure> {
    let filter = Filter::of(call)?;
    let limit = call.number::<usize>("limit")?.filter(|&limit| limit > 0);
    let token = call
        .parameter("continue")
        .map(Continue::decode)
        .transpose()?;
    let at = match &token {
        Some(token) => {
            without_revision(call)?;
            Some(token.revision).filter(|revision| *revision > 0)
        }
        None => exact_revision(call)?,
    };
    let converting = selection::after_conversion(call.version(), &filter);
    if let (Some(name), None, false) = (filter.name(), at, converting)
        && let Some(namespace) = one_place(call, &filter)
    {
        return Ok(one(call, &filter, namespace, name));
    }
    let page = Page {
        namespace: filter.namespace.as_deref(),
        after: token
            .as_ref()
            .map(|token| (token.namespace.as_str(), token.name.as_str())),
        at,
        limit,
    };
    let listing = found(call, &page, &filter, converting).map_err(|compacted| {
        let Some(token) = token else {
            return Failure::expired(format!(
                "The resourceVersion for the provided list is too old: {compacted}"
            ));
        };
        let mut failure = Failure::expired(TOO_OLD);
        let next = Continue {
            revision: 0,
            ..token
        };
        failure.details.next = Some(next.encode());
        failure
    })?;
    if !converting {
        return Ok(listed(listing, filter.takes_all()));
    }
    let records =
        selection::shown(&call.state, call.kind(), call.version(), listing.records).await?;
    let mut selected = records.into_iter().filter(|record| filter.matches(record));
    let records = selected
        .by_ref()
        .take(limit.unwrap_or(usize::MAX))
        .collect();
    let left = usize::from(selected.next().is_some());
    let listing = Listing {
        records,
        left,
        ..listing
    };
    Ok(listed(listing, false))
}

/// What the store has of a page: all of it where only a webhook can say what is selected.
fn found(
    call: &Call,
    page: &Page<'_>,
    filter: &Filter,
    converting: bool,
) -> Result<Listing, Compacted> {
    let (store, resource) = (&call.state.store, &call.kind().resource);
    if converting {
        let limit = None;
        store.list(resource, &Page { limit, ..*page })
    } else if filter.takes_all() {
        store.list(resource, page)
    } else {
        store.select(resource, page, &|record| filter.matches(record))
    }
}

/// A page is of the revision of its list: to ask for another makes no sense.
fn without_revision(call: &Call) -> Result<(), Failure> {
    let forbidden = |field: &str, detail: &str| {
        Err(Failure::invalid_options(
            "ListOptions",
            vec![Cause::forbidden(field, detail)],
        ))
    };
    if call.parameter("resourceVersionMatch").is_some() {
        let detail = "resourceVersionMatch is forbidden when continue is provided";
        return forbidden("resourceVersionMatch", detail);
    }
    if call
        .parameter("resourceVersion")
        .is_some_and(|revision| revision != "0")
    {
        return Err(Failure::bad_request(
            "specifying resource version is not allowed when using continue",
        ));
    }
    Ok(())
}

/// The namespace in which an object of a known name must be, where there is only one.
fn one_place<'a>(call: &Call, filter: &'a Filter) -> Option<&'a str> {
    if call.kind().namespaced() {
        filter.namespace.as_deref()
    } else {
        Some("")
    }
}

fn one(call: &Call, filter: &Filter, namespace: &str, name: &str) -> Listed {
    // Read the revision first: the list may then be newer than it says, never older.
    let revision = call.state.store.revision();
    let record = call.state.record(call.kind(), namespace, name);
    let items = record
        .into_iter()
        .filter(|record| filter.matches(record))
        .collect();
    Listed {
        revision,
        next: None,
        remaining: None,
        items,
    }
}

/// `all`: nothing was left out, so that the number of those left is known.
fn listed(listing: Listing, all: bool) -> Listed {
    let Listing {
        revision,
        records: items,
        left,
    } = listing;
    let next = items.last().filter(|_| left > 0).map(|last| {
        let (namespace, name) = (last.key.namespace.to_string(), last.key.name.to_string());
        Continue {
            revision,
            namespace,
            name,
        }
        .encode()
    });
    Listed {
        revision,
        next,
        remaining: all.then_some(left),
        items,
    }
}

/// The revision at which the list must stand exactly; `None` for the newest.
fn exact_revision(call: &Call) -> Result<Option<Revision>, Failure> {
    let asked: Option<Revision> = call.number("resourceVersion")?;
    let invalid = |cause: Cause| Failure::invalid_options("ListOptions", vec![cause]);
    let forbidden = |field: &str, detail: &str| invalid(Cause::forbidden(field, detail));
    if call.parameter("sendInitialEvents").is_some() {
        let detail = "sendInitialEvents is forbidden for list";
        return Err(forbidden("sendInitialEvents", detail));
    }
    if let Some(asked) = asked {
        not_ahead(call, asked)?;
    }
    match (call.parameter("resourceVersionMatch"), asked) {
        (None | Some("NotOlderThan"), Some(_)) | (None, None) => Ok(None),
        (Some("Exact"), Some(asked)) if asked > 0 => Ok(Some(asked)),
        (Some("Exact"), Some(_)) => Err(forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        )),
        (Some("Exact" | "NotOlderThan"), _) => Err(forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        )),
        (Some(other), _) => Err(invalid(Cause::unsupported(
            "resourceVersionMatch",
            other,
            &["Exact", "NotOlderThan", ""],
        ))),
    }
}

/// A revision that does not exist yet cannot be waited for here: it comes from another store.
pub(super) fn not_ahead(call: &Call, asked: Revision) -> Result<(), Failure> {
    let current = call.state.store.revision();
    if asked <= current {
        return Ok(());
    }
    let message = format!("Too large resource version: {asked}, current: {current}");
    let cause = Cause::new("ResourceVersionTooLarge", "", "Too large resource version");
    let mut failure = Failure::new(Reason::Timeout, message).with_causes(vec![cause]);
    failure.details.retry_after = Some(1);
    Err(failure)
}
