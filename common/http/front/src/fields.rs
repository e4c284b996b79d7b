//! The fields of a response's head that no front takes from a frame.

use fosse_http1::{NameSet, same_name};
use fosse_wire::WireError;
use fosse_wire::fields::Fields;

/// Fields that a front writes itself, as its protocol has them.
static OURS: NameSet<5> = NameSet::new(["upgrade", "connection", "keep-alive", "content-length", "transfer-encoding"]);

/// The field in which clients are told of the number of their request.
pub const REQUEST_ID: &[u8] = b"X-Request-ID";

/// The fault of a field or a number that no head may have.
pub const UNWRITABLE: WireError = WireError::Field("response field");

/// Checks that all fields may be written as they came.
///
/// # Errors
/// [`WireError::Field`] of one that a front writes itself, or that holds a byte which no field has.
pub fn check(fields: Fields<'_>) -> Result<(), WireError> {
    fields.into_iter().try_for_each(|(name, value)| {
        if OURS.contains(name) {
            return Err(WireError::Field("response framing"));
        }
        fosse_http1::check_field(name, value).map_err(|_| UNWRITABLE)
    })
}

/// Returns whether a field gives way to one that is written in its place: the type of a page, and
/// the number of the request.
#[must_use]
pub fn gives_way(name: &[u8], (has_page, has_request_id): (bool, bool)) -> bool {
    has_page && same_name(name, b"content-type") || has_request_id && same_name(name, b"x-request-id")
}
