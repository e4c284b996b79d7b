//! Local responses, in the framing of HTTP/2.

use fosse_front::fields::REQUEST_ID;
use fosse_front::local::Local;
use fosse_http2::Connection;

/// The field in which clients of gRPC look for the status of a call.
pub(crate) const GRPC_STATUS: &[u8] = b"grpc-status";

/// Writes a whole local response to a stream.
pub(crate) fn write(http2: &mut Connection, place: usize, local: &Local<'_>, to_head: bool, now_ms: u64) {
    let (content_type, body) = local.content();
    let advice = local.advice();
    let length = body.len().to_string();
    let mut fields: Vec<(&[u8], &[u8])> =
        vec![(b"content-type", content_type.as_bytes()), (b"content-length", length.as_bytes())];
    if let Some((name, value)) = &advice {
        fields.push((name, value));
    }
    if let Some(id) = &local.request_id {
        fields.push((REQUEST_ID, id));
    }
    let grpc_status = local.page.as_ref().and_then(|page| page.grpc_status);
    fields.extend(grpc_status.map(|status| (GRPC_STATUS, status.as_bytes())));
    http2.respond(place, if grpc_status.is_some() { 200 } else { local.status }, fields.into_iter());
    if !to_head {
        http2.data(place, &body, now_ms);
    }
    http2.end(place, core::iter::empty());
}
