//! Selection among custom objects that a webhook converts.
//!
//! Labels and fields are those of the object as the version of the request shows it, and only the webhook knows what that looks
//! like: what is stored is another version's. Everything else is selected by what the store keeps beside each object.

use std::sync::Arc;

use seatrial_store::{Event, Record};

use super::conversion::{by_webhook, records_as};
use crate::failure::Failure;
use crate::object::Object;
use crate::registry::{Kind, Version};
use crate::selector::Filter;
use crate::state::State;

/// Whether objects must be converted before `filter` can tell whether it selects them.
pub(crate) fn after_conversion(version: &Version, filter: &Filter) -> bool {
    by_webhook(version) && filter.asks_contents()
}

/// Records as the version shows them, with that version's labels and fields to select by.
///
/// # Errors
/// Where the webhook fails.
pub(crate) async fn shown(
    state: &State,
    kind: &Kind,
    version: &Version,
    records: Vec<Arc<Record>>,
) -> Result<Vec<Arc<Record>>, Failure> {
    let mut records = records_as(state, kind, version, records).await?;
    for record in &mut records {
        let object = Object::decode(&record.bytes).map_err(Failure::internal)?;
        *record = Arc::new(Record {
            metadata: object.selectable(&version.selectable),
            ..Record::clone(record)
        });
    }
    Ok(records)
}

/// What a change looks like in the version: the object, and what it was before.
///
/// # Errors
/// Where the webhook fails.
pub(crate) async fn shown_change(
    state: &State,
    kind: &Kind,
    version: &Version,
    event: &Event,
) -> Result<(Arc<Record>, Option<Arc<Record>>), Failure> {
    let records = std::iter::once(&event.record).chain(&event.previous);
    let mut shown = shown(state, kind, version, records.cloned().collect())
        .await?
        .into_iter();
    let record = shown
        .next()
        .ok_or_else(|| Failure::internal("a conversion gave nothing"))?;
    Ok((record, shown.next()))
}
