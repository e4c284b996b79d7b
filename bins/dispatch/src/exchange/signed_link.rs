//! Requests that have to come by a signed link.

use std::time::{SystemTime, UNIX_EPOCH};

use fosse_links::{Link, Names, Refused};
use fosse_settings::{Keys, SignedLinks};
use fosse_wire::request::RequestHead;

/// Checks the link of a request. Returns the target for the application.
///
/// # Errors
/// The status of the response where it may not go on: 403, or 410 where its time is over.
pub(super) fn check<'a>(head: &RequestHead<'a>, links: &SignedLinks, keys: &Keys) -> Result<&'a [u8], u16> {
    // A link is for reading: with its signature nobody is to write.
    if !matches!(head.method, b"GET" | b"HEAD") {
        return Err(403);
    }
    let client = match (links.bind_client, head.client.ip()) {
        (false, _) => String::new(),
        (true, Some(ip)) => ip.to_string(),
        (true, None) => return Err(403),
    };
    let names = Names { expires: &links.expires_argument, signature: &links.signature_argument };
    let keys = links.keys.iter().filter_map(|number| keys.0.get(usize::try_from(*number).ok()?).map(Vec::as_slice));
    let received = head.received_target();
    let link = Link { host: head.host, client: &client, target: received };
    match link.check(names, keys, now_seconds()) {
        Ok(_) if links.keep_arguments => Ok(head.target),
        Ok(rest) => Ok(without_arguments(head.target, &received[rest.len()..])),
        Err(Refused::Unsigned | Refused::Forged) => Err(403),
        Err(Refused::Expired) => Err(410),
    }
}

/// Returns a target without the arguments at its end, with what comes before them. One that was
/// made of another text may not have them, or elsewhere, where it was the configuration's choice.
fn without_arguments<'a>(target: &'a [u8], arguments: &[u8]) -> &'a [u8] {
    let Some((_, arguments)) = arguments.split_first() else { return target };
    let Some(rest) = target.strip_suffix(arguments) else { return target };
    rest.strip_suffix(b"?").or_else(|| rest.strip_suffix(b"&")).unwrap_or(target)
}

fn now_seconds() -> u64 {
    // Before 1970 no link has ended, nor is there one.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_leave_a_target_that_was_rewritten_too() {
        let cases: [(&[u8], &[u8], &[u8]); 6] = [
            (b"/a?expires=1&signature=2", b"?expires=1&signature=2", b"/a"),
            (b"/a?b&expires=1&signature=2", b"&expires=1&signature=2", b"/a?b"),
            (b"/x?page=a&expires=1&signature=2", b"?expires=1&signature=2", b"/x?page=a"),
            (b"/x", b"?expires=1&signature=2", b"/x"),
            (b"/expires=1&signature=2", b"?expires=1&signature=2", b"/expires=1&signature=2"),
            (b"/x?q=?expires=1&signature=2&y", b"?expires=1&signature=2", b"/x?q=?expires=1&signature=2&y"),
        ];
        for (target, arguments, rest) in cases {
            assert_eq!(without_arguments(target, arguments), rest, "{}", target.escape_ascii());
        }
    }
}
