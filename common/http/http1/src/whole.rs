//! Bodies of responses that are short enough to be looked at whole.

use crate::chunked::{ChunkedDecoder, Piece};
use crate::refusal::Refusal;
use crate::response::ResponseBody;

/// Returns the bytes of a response's body that have come, and whether it is whole. `ended`: nothing
/// comes after them.
///
/// # Errors
/// Chunks that are none.
pub fn whole_body(bytes: &[u8], body: ResponseBody, ended: bool, lenient: bool) -> Result<(Vec<u8>, bool), Refusal> {
    Ok(match body {
        ResponseBody::None => (Vec::new(), true),
        ResponseBody::Exact(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            (bytes[..bytes.len().min(length)].to_vec(), bytes.len() >= length)
        }
        ResponseBody::UntilClose => (bytes.to_vec(), ended),
        ResponseBody::Chunked => chunked(bytes, lenient)?,
    })
}

fn chunked(mut bytes: &[u8], lenient: bool) -> Result<(Vec<u8>, bool), Refusal> {
    let (mut decoder, mut body) = (ChunkedDecoder::of_response(lenient), Vec::new());
    loop {
        let (used, piece) = decoder.next(bytes)?;
        bytes = &bytes[used..];
        match piece {
            Piece::Data(data) => body.extend_from_slice(data),
            Piece::More => return Ok((body, false)),
            Piece::End => return Ok((body, true)),
        }
    }
}
