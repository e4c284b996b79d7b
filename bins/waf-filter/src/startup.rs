//! From the descriptors to the loop: what is inherited before the lock, and read behind it.

use std::{os::fd::OwnedFd, rc::Rc};

use fosse_counters::Counters;
use fosse_die::{fatal, temporary};
use fosse_eventloop::Turn;
use fosse_inherit::{Blob, Expected, LINES, MEMORY, MESSAGES, STREAM, inherit};
use fosse_lockdown::{Locked, Sealed};
use fosse_settings::WafFilter;
use fosse_stage::{Input, Output};
use fosse_wire::frame::Hello;

use crate::{
    PROGRAM, filter::Filter, log::to_stderr, pipeline, rules::Rules, server::Server, sites::inspects_responses,
};

const DESCRIPTORS: &[Expected] = &[
    Expected::required(0, STREAM, "request frames"),
    Expected::required(1, STREAM, "request frames"),
    Expected::optional(3, STREAM, "response frames"),
    Expected::optional(4, STREAM, "response frames"),
    Expected::optional(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::optional(8, MEMORY, "rules"),
    Expected::optional(9, LINES, "audit log"),
];

/// The inherited descriptors.
#[derive(Debug)]
pub struct Inputs {
    config: Option<Sealed<Blob<WafFilter>>>,
    bundle: Option<Sealed<OwnedFd>>,
    audit: Option<OwnedFd>,
    input: Input,
    output: Output,
    back: Option<(Input, Output)>,
    start: Option<OwnedFd>,
    counters: Counters,
    turn: Turn,
}

/// Takes over the descriptors, before the lock; nothing is read from them yet.
#[must_use]
pub fn inputs() -> Inputs {
    let mut fds = inherit(PROGRAM, DESCRIPTORS);
    let turn = Turn::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    let (input, output, start) = (Input::new(fds.required(0)), fds.required(1), fds.optional(7));
    // A pipeline has no response path: nobody will grant credit.
    let credit_unlimited = !input.never_waits() || start.is_none();
    Inputs {
        input,
        output: Output::new(output, Hello { credit_unlimited }),
        back: fds
            .optional(3)
            .zip(fds.optional(4))
            .map(|(from, to)| (Input::new(from), Output::new(to, Hello::default()))),
        start,
        counters: fosse_inherit::counters(PROGRAM, &mut fds, 6),
        config: fosse_inherit::optional_blob(PROGRAM, &mut fds, 5),
        bundle: fds.optional(8).map(Sealed::new),
        audit: fds.optional(9),
        turn,
    }
}

/// Serves until the input ends. Without `rules` those of the configuration are compiled first, out
/// of the bundle.
pub fn run(inputs: Inputs, rules: Option<Rules>, locked: Locked) -> ! {
    let Inputs { config, bundle, audit, input, output, back, start, counters, turn } = inputs;
    let config = config.map(|blob| blob.open(locked).read());
    let bundle = bundle.map(|fd| fd.open(locked));
    let rules = rules.unwrap_or_else(|| Rules::or_die(compiled(config.as_ref(), bundle)));
    // A site whose responses nobody here would see must not be served as if somebody did.
    if back.is_none() && config.as_ref().is_some_and(|config| config.sites.iter().any(inspects_responses)) {
        fatal(PROGRAM, "responses are to be inspected, and descriptors 3 and 4 are missing");
    }
    let counters = Rc::new(counters);
    let filter = Filter::new(config, rules, to_stderr, audit, Rc::clone(&counters));
    if input.never_waits() {
        Server { filter, input, output, back, turn, start, counters, is_draining: false }.run()
    }
    pipeline::run(filter, input, output)
}

/// Compiles the rules of a configuration; without one, in a shell, those of a site that names none.
///
/// # Errors
/// All that is wrong with them.
pub(crate) fn compiled(config: Option<&WafFilter>, bundle: Option<OwnedFd>) -> Result<Rules, Vec<String>> {
    let Some(config) = config else { return Rules::builtin() };
    let bundle = match bundle {
        Some(fd) => {
            let bytes = fosse_sys::blob::read(fd, fosse_bundle::BYTES_MAX).map_err(|e| vec![format!("bundle: {e}")])?;
            fosse_bundle::Bundle::decode(&bytes).map_err(|e| vec![format!("bundle: {e}")])?
        }
        None => fosse_bundle::Bundle::default(),
    };
    Rules::compile(config, bundle)
}
