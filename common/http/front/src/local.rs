//! Local responses: to what could not be turned into a request, and when the ring is dead.

use std::borrow::Cow;

use crate::pages::Page;

/// A whole response of this process, in which its site has a say.
#[derive(Debug, Default)]
pub struct Local<'a> {
    /// Status.
    pub status: u16,
    /// The reason, for people who debug a client. It holds nothing of the request.
    pub why: &'static str,
    /// The methods that the site serves.
    pub methods: &'a [String],
    /// The page in place of the text.
    pub page: Option<Page<'a>>,
    /// The number of the request, where its client is told of it.
    pub request_id: Option<Vec<u8>>,
}

impl Local<'_> {
    /// Returns type and body: those of the page, or a text.
    #[must_use]
    pub fn content(&self) -> (&str, Cow<'_, [u8]>) {
        match &self.page {
            Some(page) => (page.content_type, Cow::Borrowed(&page.body)),
            None => ("text/plain", Cow::Owned(format!("{}\n", self.why).into_bytes())),
        }
    }

    /// Returns the field that says what the client may do instead, where there is one.
    #[must_use]
    pub fn advice(&self) -> Option<(&'static [u8], Vec<u8>)> {
        match self.status {
            // RFC 9110, sections 9.3.7 and 15.5.6.
            200 | 405 => Some((b"Allow", self.methods.join(", ").into_bytes())),
            503 => Some((b"Retry-After", b"1".to_vec())),
            _ => None,
        }
    }
}
