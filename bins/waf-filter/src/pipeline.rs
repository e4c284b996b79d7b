//! The same in a shell, without a loop: read, evaluate, write, until the end of input.

use fosse_die::temporary;
use fosse_eventloop::clock_us;
use fosse_stage::{Gone, Output, fronts::FromFronts};

use crate::{PROGRAM, filter::Filter, outputs::with_outputs};

/// Exit status where a request was denied, for scripts.
const EXIT_DENIED: i32 = 1;

/// Filters frames from one pipe to another.
pub(crate) fn run(mut filter: Filter, mut inputs: FromFronts, mut output: Output) -> ! {
    let end = loop {
        if let Err(gone) = step(&mut filter, &mut inputs, &mut output) {
            break gone;
        }
    };
    match (end, output.flush_waiting()) {
        (Gone::End, Ok(())) => std::process::exit(if filter.has_denied() { EXIT_DENIED } else { 0 }),
        (gone, _) => temporary(PROGRAM, format_args!("frames: {gone}")),
    }
}

fn step(filter: &mut Filter, inputs: &mut FromFronts, output: &mut Output) -> Result<(), Gone> {
    // A pipeline has one front.
    let Some((_, input)) = inputs.of(0) else { return Err(Gone::End) };
    input.read()?;
    while let Some(frame) = input.next_frame()? {
        // Each frame is a turn of its own, as no other peer waits.
        filter.begin_turn(clock_us());
        with_outputs(output, None, |out| filter.on_request_frame(&frame, out))?;
    }
    while filter.is_busy() {
        with_outputs(output, None, |out| filter.work(out))?;
    }
    output.flush_waiting()
}
