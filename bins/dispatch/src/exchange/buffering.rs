//! Chunked request bodies that are buffered before a server is chosen. A body that ends while it is
//! buffered goes on with Content-Length, which applications without chunked bodies (WSGI) need.

use std::collections::HashMap;
use std::time::Duration;

use fosse_counters::dispatch as count;
use fosse_http1::{members, write_chunk, write_number};
use fosse_settings::Backend;
use fosse_source::Source;
use fosse_wire::{
    StreamId,
    request::{BodyLength, RequestHead},
};

use super::{
    Outcome, deadline,
    limit::Limit,
    refused::Refused,
    request,
    stream::{Body, Buffering, Stream, Wait},
};
use crate::{context::Context, limits, policies::Policy};

impl Buffering {
    /// Returns how the body that follows `head` is buffered. FastCGI has no chunked ones.
    pub(crate) fn of(head: &RequestHead<'_>, fastcgi: bool) -> Self {
        match head.body {
            BodyLength::None | BodyLength::Exact(_) => Self::No,
            // A filter has the beginning of a longer one.
            BodyLength::Chunked if head.released => Self::No,
            BodyLength::Chunked if !fastcgi && waits_for_server(head) => Self::No,
            BodyLength::Chunked => Self::Brief,
        }
    }
}

/// Returns whether the client may send the rest of its body only after the server has said
/// something: it expects 100 Continue, offers another protocol (docker attach), or speaks gRPC.
fn waits_for_server(head: &RequestHead<'_>) -> bool {
    // A filter that buffered the body has told the client to go on.
    let expects = head.expect_continue && head.held == 0;
    // Java's client offers h2c with its first request, whatever the request is.
    let mut offers = head.fields.all(b"upgrade").flat_map(members);
    expects || offers.any(|protocol| !protocol.eq_ignore_ascii_case(b"h2c")) || deadline::is_grpc(head)
}

/// The end of a head. Framing that comes later is put before it.
pub(super) const EMPTY_LINE: &[u8] = b"\r\n";

impl Stream {
    /// Writes the head for the backend. That of a chunked body that is buffered gets its framing
    /// later, from [`Stream::write_framing`].
    pub(crate) fn write_head(
        &mut self,
        head: &RequestHead<'_>,
        policy: &Policy,
        backend: &Backend,
        expect: bool,
    ) -> Result<(), Refused> {
        if let Some(fastcgi) = &backend.fastcgi {
            return self.write_params(head, policy, backend, fastcgi);
        }
        if self.buffering == Buffering::No || head.body != BodyLength::Chunked {
            return request::write(&mut self.out, head, policy, backend, expect);
        }
        let unframed = RequestHead { body: BodyLength::None, ..*head };
        request::write(&mut self.out, &unframed, policy, backend, expect)?;
        self.framing_at = Some(self.out.len() - EMPTY_LINE.len());
        Ok(())
    }

    /// Writes the framing that waited for the body: its length where all of it is here, else
    /// chunked. Only END of parse makes a body [`Body::Done`], so one that was cut never gets a
    /// length.
    fn write_framing(&mut self) {
        let Some(at) = self.framing_at.take() else { return };
        if self.fastcgi {
            return self.write_length(at);
        }
        let body_at = at + EMPTY_LINE.len();
        if self.body == Body::Done {
            let mut field = b"Content-Length: ".to_vec();
            write_number(&mut field, u64::try_from(self.out.len() - body_at).unwrap_or(u64::MAX));
            field.extend_from_slice(b"\r\n");
            self.out.splice(at..at, field);
        } else {
            let body = self.out.split_off(body_at);
            self.out.truncate(at);
            self.out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            write_chunk(&mut self.out, &body);
        }
    }
}

/// Begins to buffer the body of a stream whose head has been written.
pub(crate) fn begin(stream: &mut Stream, context: &mut Context<'_>) {
    stream.wait = Wait::RequestBody;
    // A client that sends too slowly is parse's business. Only a pause is looked for here.
    restart_pause_limit(stream, context);
}

fn restart_pause_limit(stream: &mut Stream, context: &mut Context<'_>) {
    // FastCGI needs the length, however long the client takes.
    if stream.fastcgi {
        return;
    }
    stream.start_limit(Limit::Pause, Duration::from_millis(limits::BUFFERED_PAUSE_MS_MAX), context);
}

/// Counts `bytes` that were just buffered (none that a filter has counted), and ends the buffering
/// where they are too many for the stream.
pub(crate) fn grown(stream: &mut Stream, bytes: u32, context: &mut Context<'_>) -> Outcome {
    stream.buffered += u64::from(bytes);
    context.shared.buffered_bytes += u64::from(bytes);
    if stream.awaits_access() {
        return Outcome::Continue;
    }
    if stream.buffered > limits::BUFFERED_BYTES_MAX {
        return end(stream);
    }
    restart_pause_limit(stream, context);
    Outcome::Continue
}

/// Ends buffering: the request goes to a server, unless that has to know the length of a longer
/// body.
pub(crate) fn end(stream: &mut Stream) -> Outcome {
    if stream.fastcgi && stream.body != Body::Done {
        return Outcome::Respond(411);
    }
    stream.buffering = Buffering::No;
    stream.write_framing();
    Outcome::Connect
}

/// Frees what a request took that was refused since there was no memory for its body.
pub(crate) fn refused(stream: &mut Stream, context: &mut Context<'_>) {
    stream.buffering = Buffering::No;
    stream.framing_at = None;
    (stream.out, stream.out_sent) = (Vec::new(), 0);
    context.shared.buffered_bytes -= std::mem::take(&mut stream.buffered);
    context.shared.held_bytes -= u64::from(std::mem::take(&mut stream.held_counted));
    context.counters.add(count::BUFFER_REFUSED, 1);
}

/// Sums up `bytes` by source. Returns the largest body of the source that has most of them: memory
/// that is used up costs the source that uses it, not the one that comes last.
pub(crate) fn largest_of_heaviest<'a>(
    streams: impl Iterator<Item = &'a Stream> + Clone,
    bytes: impl Fn(&Stream) -> u64,
) -> Option<StreamId> {
    let with_bytes = streams.filter(|stream| bytes(stream) > 0);
    let mut sources: HashMap<Source, u64> = HashMap::new();
    for stream in with_bytes.clone() {
        *sources.entry(stream.source()).or_default() += bytes(stream);
    }
    let (heaviest, _) = sources.into_iter().max_by_key(|(_, bytes)| *bytes)?;
    with_bytes.filter(|stream| stream.source() == heaviest).max_by_key(|stream| bytes(stream)).map(|s| s.id)
}
