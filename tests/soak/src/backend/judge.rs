//! What must be true of every request that reaches a backend.

use fosse_harness::http::Head;

use crate::request::{Request, Shape};

/// Returns the request that a head is, as its client sent it.
///
/// # Errors
/// What the edge should not have let pass, or changed.
pub(super) fn judge(head: &Head) -> Result<Request, String> {
    let words: Vec<&str> = head.first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words.as_slice() else { return Err(format!("request line {:?}", head.first)) };
    let mut request = Request::of_target(target).ok_or_else(|| format!("target {target:?}"))?;
    request.head = *method == "HEAD";
    let id = format!("{:016x}", request.id);
    if head.get("x-id") != Some(id.as_str()) {
        return Err(format!("{target}: X-Id {:?}", head.get("x-id")));
    }
    let expected = if request.head {
        "HEAD"
    } else if request.shape == Shape::Take {
        "POST"
    } else {
        "GET"
    };
    if *method != expected || head.get("host") != Some(request.host()) {
        return Err(format!("{:?} with host {:?}", head.first, head.get("host")));
    }
    if head.get("x-forwarded-for").is_none_or(|v| !v.starts_with("127.")) {
        return Err(format!("{target}: X-Forwarded-For {:?}", head.get("x-forwarded-for")));
    }
    Ok(request)
}
