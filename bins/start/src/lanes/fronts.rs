//! The fronts of a lane: parse, and parse-h2 beside it where clients are offered HTTP/2.

use fosse_wire::launch::Program;

use crate::generation::Generation;

/// The descriptor by which a stage has frames from parse-h2.
pub(super) const SECOND_FROM: u8 = 20;
/// The one by which it has frames for it.
pub(super) const SECOND_TO: u8 = 21;

/// Returns the arguments of a stage: those of a front say which slots of the ring are its own.
pub(super) fn args(program: Program, generation: &Generation) -> Vec<String> {
    let slots = match program {
        Program::Parse => "0/2",
        Program::ParseH2 => "1/2",
        _ => return Vec::new(),
    };
    if generation.has_http2() { vec!["--front".to_owned(), slots.to_owned()] } else { Vec::new() }
}
