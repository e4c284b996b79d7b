//! Pages in place of the usual ones of local responses: that of the site for the status, a problem
//! for a client that would rather have JSON, and the file that a site responds with.

mod accept;
mod grpc;

use fosse_http1::reason;
use fosse_settings::{ErrorPage, ErrorPages, PageBody};
use fosse_wire::response::{Cause, ResponseHead};

use crate::limits::PAGE_WRITTEN_BYTES_MAX;
use crate::request::Request;
use crate::settings::Settings;

/// Content-Type of a problem (RFC 9457, section 6.1).
const PROBLEM: &str = "application/problem+json";

/// A body with its type.
#[derive(Debug)]
pub struct Page<'a> {
    /// Its type.
    pub content_type: &'a str,
    /// Its bytes.
    pub body: Vec<u8>,
    /// The status of a call that has failed, for a client of gRPC; the response has 200 then.
    pub grpc_status: Option<&'static str>,
}

/// The things that a page says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    pub(crate) status: u16,
    /// Number of the request; `None` where it has none.
    pub request: Option<u64>,
    /// The reason, for people; empty without.
    pub detail: &'a str,
    /// The host as the client wrote it, for a request that did not come as far as to a site.
    pub host: &'a [u8],
}

/// The part of a request that its page depends on; none is kept where its site has no pages.
#[derive(Debug)]
pub struct Reader {
    /// Number of the pages.
    pages: u32,
    host: Vec<u8>,
    /// It would rather have JSON.
    wants_json: bool,
    /// It is a call of gRPC, whose client looks for its own status.
    is_grpc: bool,
}

impl Reader {
    /// Notes who may get the pages of a policy; `None` where it has none.
    pub fn of(policy: u32, request: &Request<'_>, settings: &Settings) -> Option<Box<Self>> {
        if grpc::is_call(request) {
            return Some(Box::new(Self { pages: u32::MAX, host: Vec::new(), wants_json: false, is_grpc: true }));
        }
        let pages = settings.policy(policy)?.error_pages?;
        let wants_json = settings.error_pages(pages)?.error_json && accept::prefers_json(request.fields);
        Some(Box::new(Self { pages, host: request.host.name().to_vec(), wants_json, is_grpc: false }))
    }
}

/// Returns the page that takes the place of a local response of dispatch to a request of that
/// policy and number.
pub fn of_response<'a>(
    head: &ResponseHead<'_>,
    (policy, request): (u32, u64),
    reader: Option<&Reader>,
    settings: &'a Settings,
) -> Option<Page<'a>> {
    if !head.usual {
        return None;
    }
    let respond_file = settings.policy(policy).and_then(|policy| policy.respond_file.as_ref());
    if let Some(file) = respond_file.filter(|_| head.cause == Cause::None) {
        let body = settings.page_file(file.respond_file)?.to_vec();
        return Some(Page { content_type: &file.content_type, body, grpc_status: None });
    }
    let subject = Subject { status: head.status, request: Some(request), ..Subject::default() };
    page(reader?, &subject, settings)
}

/// Returns the page for a local response of this program. What has not come as far as to a site
/// gets that of the default site of its listener.
pub(crate) fn of_refusal<'a>(
    subject: &Subject<'_>,
    reader: Option<&Reader>,
    (settings, listener): (&'a Settings, u16),
) -> Option<Page<'a>> {
    if let Some(reader) = reader {
        return page(reader, subject, settings);
    }
    let pages = settings.default_of(listener).error_pages?;
    page(&Reader { pages, host: subject.host.to_vec(), wants_json: false, is_grpc: false }, subject, settings)
}

fn page<'a>(reader: &Reader, subject: &Subject<'_>, settings: &'a Settings) -> Option<Page<'a>> {
    if reader.is_grpc {
        return grpc::failed(subject.status);
    }
    let pages = settings.error_pages(reader.pages)?;
    if reader.wants_json && subject.status >= 400 {
        return Some(Page { content_type: PROBLEM, body: problem(subject).into_bytes(), grpc_status: None });
    }
    let ErrorPage { content_type, body, .. } = of_status(pages, subject.status)?;
    let text = match body {
        PageBody::Text(text) => text.as_bytes(),
        PageBody::File(number) => settings.page_file(*number)?,
    };
    Some(Page { content_type, body: filled_in(text, &reader.host, subject), grpc_status: None })
}

fn of_status(pages: &ErrorPages, status: u16) -> Option<&ErrorPage> {
    pages.error.iter().find(|page| (page.first..=page.last).contains(&status))
}

/// Returns a problem (RFC 9457, section 3) with the number of the request as a member of its own.
fn problem(subject: &Subject<'_>) -> String {
    // Reason phrases and details are words of ours: nothing in them has to be escaped.
    let (status, title) = (subject.status, reason(subject.status));
    let detail = if subject.detail.is_empty() { String::new() } else { format!(",\"detail\":\"{}\"", subject.detail) };
    let request = subject.request.map(|request| format!(",\"request_id\":\"{request:016x}\"")).unwrap_or_default();
    format!("{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status}{detail}{request}}}\n")
}

/// Returns a page with the values of its variables. One that would make it longer than
/// [`PAGE_WRITTEN_BYTES_MAX`] is left out: a page of nothing but `{host}` is no way to memory.
fn filled_in(text: &[u8], host: &[u8], subject: &Subject<'_>) -> Vec<u8> {
    let status = subject.status.to_string();
    let request = subject.request.map(|request| format!("{request:016x}")).unwrap_or_default();
    let host = escaped(host);
    let values: [(&[u8], &[u8]); 4] = [
        (b"{status}", status.as_bytes()),
        (b"{reason}", reason(subject.status).as_bytes()),
        (b"{request_id}", request.as_bytes()),
        (b"{host}", &host),
    ];
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.iter().position(|byte| *byte == b'{') {
        let (before, braced) = rest.split_at(at);
        out.extend_from_slice(before);
        let Some((name, value)) = values.iter().find(|(name, _)| braced.starts_with(name)) else {
            out.push(b'{');
            rest = &braced[1..];
            continue;
        };
        rest = &braced[name.len()..];
        if out.len() + value.len() + rest.len() <= PAGE_WRITTEN_BYTES_MAX {
            out.extend_from_slice(value);
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Returns text as HTML (HTML, section 13.1.2): what it says may be a stranger's.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b' '..=b'~' => out.push(*byte),
            _ => out.push(b'?'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject<'static> {
        Subject { status: 404, request: Some(0xab), ..Subject::default() }
    }

    #[test]
    fn variables_get_their_values_and_all_other_braces_stay() {
        let text = b"a{color:red}{status} {reason} <b>{host}</b> {request_id}{statu{status}}{";
        let page = filled_in(text, b"a.example", &subject());
        let expected = "a{color:red}404 Not Found <b>a.example</b> 00000000000000ab{statu404}{";
        assert_eq!(String::from_utf8(page).unwrap(), expected);
        assert_eq!(filled_in(b"{request_id}!", b"", &Subject { request: None, ..subject() }), b"!");
    }

    #[test]
    fn what_a_stranger_wrote_is_text_in_a_page() {
        let page = filled_in(b"{host}", b"<script>'\"&\x80\n{status}", &subject());
        assert_eq!(page, b"&lt;script&gt;&#39;&quot;&amp;??{status}");
    }

    #[test]
    fn no_page_grows_beyond_its_limit() {
        let text = b"{host}".repeat(5000);
        let page = filled_in(&text, &[b'&'; 253], &subject());
        assert!(page.len() <= PAGE_WRITTEN_BYTES_MAX && page.starts_with(b"&amp;"), "{}", page.len());
        let plain = vec![b'x'; PAGE_WRITTEN_BYTES_MAX];
        assert_eq!(filled_in(&plain, b"a", &subject()), plain);
    }

    #[test]
    fn the_first_page_that_has_the_status_is_its_page() {
        let page = |first, last, text: &str| ErrorPage {
            first,
            last,
            content_type: String::new(),
            body: PageBody::Text(text.to_owned()),
        };
        let pages = ErrorPages { error: vec![page(404, 404, "one"), page(400, 499, "class")], error_json: false };
        let found = |status| of_status(&pages, status).map(|page| page.body.clone());
        assert_eq!(found(404), Some(PageBody::Text("one".into())));
        assert_eq!(found(403), Some(PageBody::Text("class".into())));
        assert_eq!(found(500), None);
    }
}
