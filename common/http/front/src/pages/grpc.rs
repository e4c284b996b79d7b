//! Failures as clients of gRPC read them: a response of 200 that has no body and a status of its
//! own (gRPC over HTTP/2, Trailers-Only).

use fosse_wire::request::Version;

use crate::pages::Page;
use crate::request::Request;

const CONTENT_TYPE: &str = "application/grpc";

/// Returns whether a request is a call, which HTTP/2 alone has.
pub(super) fn is_call(request: &Request<'_>) -> bool {
    let is_post = request.version == Version::Http2 && request.method == b"POST";
    is_post && request.fields.first("content-type").is_some_and(fosse_http1::is_grpc)
}

/// Returns the response to a call that has failed with a status of HTTP; `None` for one that is no
/// failure.
pub(super) fn failed(status: u16) -> Option<Page<'static>> {
    let grpc_status = Some(status_of(status)?);
    Some(Page { content_type: CONTENT_TYPE, body: Vec::new(), grpc_status })
}

/// Returns the status of gRPC that says the same.
const fn status_of(status: u16) -> Option<&'static str> {
    Some(match status {
        0..=399 => return None,
        // UNAUTHENTICATED
        401 => "16",
        // PERMISSION_DENIED
        403 => "7",
        // UNIMPLEMENTED: no service is there.
        404 | 405 => "12",
        // RESOURCE_EXHAUSTED: a limit of the site.
        413 | 414 | 429 | 431 => "8",
        // UNAVAILABLE
        502 | 503 => "14",
        // DEADLINE_EXCEEDED
        504 => "4",
        // INTERNAL
        _ => "13",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_a_status_of_grpc_and_a_redirect_has_none() {
        let known = [(401, "16"), (403, "7"), (404, "12"), (413, "8"), (429, "8"), (500, "13"), (400, "13")];
        for (status, of_grpc) in known.into_iter().chain([(502, "14"), (503, "14"), (504, "4")]) {
            let page = failed(status).unwrap();
            assert_eq!((page.grpc_status, page.content_type, page.body.len()), (Some(of_grpc), "application/grpc", 0));
        }
        assert!(failed(308).is_none() && failed(204).is_none());
    }
}
