//! The directions in which frames leave.

use fosse_stage::{Input, Output, fronts::ToFronts};
use fosse_wire::{Kind, Outbox, StreamId, WireError, encode::EncodeHead};

/// The outboxes of all directions.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// Frames to dispatch: requests, and verdicts about requests and responses.
    pub to_dispatch: &'a mut Outbox,
    /// Frames to parse. Nothing is written here where no site has its responses inspected.
    pub to_parse: &'a mut Outbox,
    /// Frames to encode: the responses that it encodes, once they have passed.
    pub to_encode: &'a mut Outbox,
}

impl Outputs<'_> {
    /// Returns the outbox of the way that a response takes: to encode, or to parse.
    pub(crate) const fn way(&mut self, is_encoded: bool) -> &mut Outbox {
        if is_encoded { self.to_encode } else { self.to_parse }
    }

    /// Sends a head on: to encode where it is to be encoded and can be, else to parse, as it is.
    ///
    /// # Errors
    /// [`WireError`] where a head that is to be encoded is none.
    pub(crate) fn head(
        &mut self,
        (stream, kind): (StreamId, Kind),
        head: &[u8],
        can_encode: bool,
    ) -> Result<(), WireError> {
        if kind == Kind::Encode && !can_encode {
            let plain = EncodeHead::decode(head)?.response;
            return self.to_parse.frame(stream, Kind::Response, |body| plain.encode(body));
        }
        self.way(kind == Kind::Encode).raw(stream, kind, head);
        Ok(())
    }
}

/// The descriptors of the response path: from dispatch to parse, and to encode.
#[derive(Debug)]
pub(crate) struct Back {
    pub(crate) from_dispatch: Input,
    pub(crate) to_parse: ToFronts,
    /// The link to encode, where responses are encoded.
    pub(crate) encode: Option<(Input, Output)>,
}

/// Calls `work` with the outboxes of a stage's outputs. Without a response path those of responses
/// are thrown away, and stay empty: no response is ever taken.
pub(crate) fn with_outputs<T>(
    forward: &mut Output,
    back: Option<&mut Back>,
    work: impl FnOnce(&mut Outputs<'_>) -> T,
) -> T {
    let (to_parse, encode) = back.map(|back| (&mut back.to_parse, back.encode.as_mut())).unzip();
    let to_encode = encode.flatten().map(|(_, to)| to);
    with_outboxes(forward, (to_parse, to_encode), work)
}

/// Calls `work` with the outboxes of these outputs.
pub(crate) fn with_outboxes<T>(
    forward: &mut Output,
    (to_parse, to_encode): (Option<&mut ToFronts>, Option<&mut Output>),
    work: impl FnOnce(&mut Outputs<'_>) -> T,
) -> T {
    let (mut nowhere, mut nowhere_else) = (Outbox::default(), Outbox::default());
    let to_parse = to_parse.map_or(&mut nowhere, |output| &mut output.outbox);
    let to_encode = to_encode.map_or(&mut nowhere_else, |output| &mut output.outbox);
    work(&mut Outputs { to_dispatch: &mut forward.outbox, to_parse, to_encode })
}
