//! The page of a response for which nobody has written one.

/// Content-Type of the usual page of a status.
pub(super) const USUAL_TYPE: &str = "text/html; charset=utf-8";

/// Returns the page of a status, with the number of the request by which it is found in the log.
pub(super) fn usual_page(status: u16, request: u64) -> String {
    let reason = fosse_http1::reason(status);
    format!(
        "<!doctype html>\n<title>{status} {reason}</title>\n<h1>{status} {reason}</h1>\n<p>Request {request:016x}</p>\n"
    )
}
