//! The two directions in which frames leave.

use fosse_stage::Output;
use fosse_wire::Outbox;

/// The outboxes of both directions.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// Frames to dispatch: requests, and verdicts about requests and responses.
    pub to_dispatch: &'a mut Outbox,
    /// Frames to parse. Nothing is written here where no site has its responses inspected.
    pub to_parse: &'a mut Outbox,
}

/// Calls `work` with the outboxes of a stage's outputs. Without a response path the second one is
/// thrown away, and stays empty: no response is ever taken.
pub(crate) fn with_outputs<E>(
    forward: &mut Output,
    back: Option<&mut Output>,
    work: impl FnOnce(&mut Outputs<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut nowhere = Outbox::default();
    let to_parse = back.map_or(&mut nowhere, |back| &mut back.outbox);
    work(&mut Outputs { to_dispatch: &mut forward.outbox, to_parse })
}
