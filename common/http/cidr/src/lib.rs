//! fosse-cidr: address lists of up to a million entries as one flat byte image that is searched
//! where it lies.
//!
//! A [`Builder`] takes addresses and CIDR prefixes, each to be allowed or denied, and writes an
//! image; a [`List`] opens an image (a sealed memfd, mapped or read) and judges addresses. The most
//! specific entry wins; where the very same prefix is both allowed and denied, allowed wins,
//! because an exception is written by hand and the list it is an exception from usually is not. An
//! IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is judged as IPv4.
//!
//! Text form: one address or prefix a line, blanks around it, `#` opens a comment. Errors name line
//! and column.

#![forbid(unsafe_code)]

mod builder;
mod image;
mod lists;
mod prefix;
mod ranges;
mod tags;
mod text;
mod tree;

pub use builder::{Builder, Full, compile};
pub use image::{BadImage, List};
pub use lists::{LISTENER_ALL, Lists};
pub use prefix::{Flaw, Prefix};
pub use text::{Reason, TextError};

/// Entries one image takes for each word: the largest public block lists hold some 600,000, and the
/// worst million (random IPv6 host addresses) still makes an image of 31 MiB.
pub const ENTRY_COUNT_MAX: usize = 1_000_000;

/// No image is longer. The worst entry, an IPv6 /65 that ends its /64, takes two upper keys and a
/// fine one: 34 bytes, for a million allowed and a million denied ones.
pub const IMAGE_BYTES_MAX: usize = 72 * 1024 * 1024;

/// The verdict of a list on an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No entry covers it.
    Unlisted,
    /// The most specific entry allows it.
    Allowed,
    /// The most specific entry denies it.
    Denied,
}
