//! The coding that a client wants a file in (RFC 9110, section 12.5.3).

use fosse_http1::{AcceptEncoding, Fields};
use fosse_settings::Coding;

/// Returns the codings of `offered` that the client accepts as gladly as the file itself, the ones
/// it prefers first. Of those that it likes as much the order of `offered` stays.
#[must_use]
pub fn accepted(fields: &Fields<'_>, offered: &[Coding]) -> Vec<Coding> {
    let values = fields.iter().filter(|field| field.is("accept-encoding")).map(|field| field.value);
    AcceptEncoding::of(values).accepted(offered, names)
}

/// Returns the name of a coding in Content-Encoding.
#[must_use]
pub const fn name(coding: Coding) -> &'static str {
    names(coding)[0]
}

/// Returns the end of the names of files that are coded so.
#[must_use]
pub const fn ending(coding: Coding) -> &'static str {
    match coding {
        Coding::Brotli => ".br",
        Coding::Zstd => ".zst",
        Coding::Gzip => ".gz",
    }
}

const fn names(coding: Coding) -> &'static [&'static str] {
    match coding {
        Coding::Brotli => &["br"],
        Coding::Zstd => &["zstd"],
        Coding::Gzip => &["gzip", "x-gzip"],
    }
}
