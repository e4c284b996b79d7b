//! From the descriptors to the loop.

use std::{os::fd::OwnedFd, rc::Rc};

use fosse_die::fatal;
use fosse_inherit::{Descriptors, optional_blob};
use fosse_lockdown::Sealed;
use fosse_service::Inherited;
use fosse_settings::WafFilter;
use fosse_stage::{
    Input, Output,
    fronts::{FromFronts, ToFronts},
};
use fosse_wire::frame::Hello;

use crate::{
    PROGRAM, filter::Filter, log::to_stderr, outputs::Back, pipeline, policies::inspects_responses, rules::Rules,
    server::Server,
};

/// The descriptors that carry frames.
struct Frames {
    inputs: FromFronts,
    output: Output,
    back: Option<Back>,
}

impl Frames {
    /// Takes them over, before the lock: it forbids to ask for their types.
    fn inherit(descriptors: &mut Descriptors, has_start: bool) -> Self {
        let inputs = FromFronts::inherit(descriptors.required(0), descriptors);
        // A pipeline has no response path: no stage grants credit.
        let credit_unlimited = !inputs.never_wait() || !has_start;
        let output = Output::new(descriptors.required(1), Hello { credit_unlimited, ..Hello::default() });
        let mut both = |from, to| descriptors.optional(from).zip(descriptors.optional(to));
        let (back, encode) = (both(3, 4), both(10, 11));
        let encode = encode.map(|(from, to)| (Input::new(from), Output::new(to, Hello::default())));
        let back = back.map(|(from, to)| Back {
            from_dispatch: Input::new(from),
            to_parse: ToFronts::inherit(to, descriptors),
            encode,
        });
        Self { inputs, output, back }
    }
}

/// Serves until the input ends. Rules that were not compiled before are those of the `paths` that a
/// person names, or those of the configuration, which are compiled out of the bundle.
pub fn run(mut inherited: Inherited, rules: Option<Rules>, paths: &[String]) -> ! {
    let has_start = inherited.has_start();
    let Frames { inputs, output, back } = Frames::inherit(&mut inherited.descriptors, has_start);
    let config = optional_blob::<WafFilter>(PROGRAM, &mut inherited.descriptors, 5);
    let bundle = inherited.descriptors.optional(8).map(Sealed::new);
    // Rules a person names are read with that person's rights; nothing has come from outside yet.
    let rules = rules.or_else(|| (!paths.is_empty()).then(|| Rules::or_die(Rules::read(paths))));
    let (process, mut given) = inherited.lock();
    let config = config.map(|blob| given.open(blob).read());
    let bundle = bundle.map(|fd| given.open(fd));
    let rules = rules.unwrap_or_else(|| Rules::or_die(compiled(config.as_ref(), bundle)));
    // A site whose responses would not be seen here must not be served as if they were.
    if back.is_none() && config.as_ref().is_some_and(|config| config.profiles.iter().any(inspects_responses)) {
        fatal(PROGRAM, "responses are to be inspected, and descriptors 3 and 4 are missing");
    }
    let filter = Filter::new(config, rules, to_stderr, given.optional(9), Rc::clone(&process.counters));
    if inputs.never_wait() {
        process.serve(|process| Server::new(process, filter, inputs, output, back))
    }
    pipeline::run(filter.without_credit(), inputs, output)
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
