//! Storing a new object.

use super::{Written, finish_create};
use crate::body;
use crate::call::Call;
use crate::failure::Failure;

pub(super) async fn create(call: &Call) -> Result<Written, Failure> {
    let (object, warnings) = body::checked(call)?;
    finish_create(call, object, warnings).await
}
