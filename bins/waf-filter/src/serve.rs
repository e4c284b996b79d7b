//! The loop: frames in, judged, frames out; in a shell the same without a loop.

use std::os::fd::OwnedFd;

use fosse_counters::{Counters, DRAINING, LOG_DROPPED, STREAM_CONNECTION, TURNS};
use fosse_die::{fatal, temporary};
use fosse_eventloop::{Interest, Turn};
use fosse_fdpass::Received;
use fosse_inherit::{Blob, Expected, LINES, MEMORY, MESSAGES, STREAM, inherit};
use fosse_lockdown::{Locked, Sealed};
use fosse_settings::WafFilter;
use fosse_stage::{Gone, Input, Output};
use fosse_wire::{
    Outbox,
    frame::Hello,
    start::{MESSAGE_BYTES, ToChild, ToStart},
};

use crate::{
    PROGRAM,
    judge::{Judge, Out},
    kept::inspects,
    report::Reporter,
    rules::Rules,
};

const TOKEN_INPUT: u64 = 1;
const TOKEN_OUTPUT: u64 = 2;
const TOKEN_START: u64 = 3;
const TOKEN_STORE: u64 = 4;
const TOKEN_BACK_INPUT: u64 = 5;
const TOKEN_BACK_OUTPUT: u64 = 6;

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

/// What the program was born with.
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
    // A pipeline has no way back: nobody will grant credit.
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

/// Serves until the input ends. Without `rules` those of the configuration are compiled first, out of the bundle.
pub fn run(inputs: Inputs, rules: Option<Rules>, locked: Locked) -> ! {
    let Inputs { config, bundle, audit, input, output, back, start, counters, turn } = inputs;
    let config = config.map(|blob| blob.open(locked).read());
    let bundle = bundle.map(|fd| fd.open(locked));
    let rules = rules.unwrap_or_else(|| Rules::or_die(compiled(config.as_ref(), bundle)));
    // A site whose answers nobody here would see must not be served as if somebody did.
    if back.is_none() && config.as_ref().is_some_and(|config| config.sites.iter().any(inspects)) {
        fatal(PROGRAM, "responses are to be inspected, and descriptors 3 and 4 are missing");
    }
    let judge = Judge::new(config, rules, Reporter::new(audit), counters);
    if input.never_waits() {
        Serve { judge, input, output, back, turn, start, draining: false }.run()
    }
    pipeline(judge, input, output)
}

/// The rules of a configuration; without one, in a shell, those of a site that names none.
///
/// # Errors
/// All that is wrong with them.
pub fn compiled(config: Option<&WafFilter>, bundle: Option<OwnedFd>) -> Result<Rules, Vec<String>> {
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

struct Serve {
    judge: Judge,
    input: Input,
    output: Output,
    /// From dispatch and to parse, where some site has its answers judged.
    back: Option<(Input, Output)>,
    turn: Turn,
    start: Option<OwnedFd>,
    draining: bool,
}

impl Serve {
    fn run(mut self) -> ! {
        let watched = self
            .turn
            .add(&self.input, TOKEN_INPUT, Interest::IN)
            .and_then(|()| {
                self.back.as_ref().map_or(Ok(()), |(from, _)| self.turn.add(from, TOKEN_BACK_INPUT, Interest::IN))
            })
            .and_then(|()| self.start.as_ref().map_or(Ok(()), |fd| self.turn.add(fd, TOKEN_START, Interest::IN)));
        if let Err(errno) = watched {
            temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
        }
        // The way to the store, where there is one, lies there since before this process was born.
        if let Err(gone) = self.told() {
            temporary(PROGRAM, format_args!("start: {gone}"));
        }
        if let Some(start) = &self.start {
            let _ = fosse_fdpass::send(start, &ToStart::Ready.encode(), &[]);
        }
        loop {
            match self.one_turn() {
                Ok(()) => {}
                Err(gone) => self.end(gone),
            }
        }
    }

    fn end(&self, gone: Gone) -> ! {
        // A turn has several neighbours: one may be found gone with the frames of another just worked on.
        if gone.is_departure() {
            self.judge.counters.set(STREAM_CONNECTION, 0);
        }
        match gone {
            Gone::End => std::process::exit(if self.draining { 0 } else { fosse_die::EXIT_TEMPORARY }),
            gone => temporary(PROGRAM, format_args!("ring: {gone}")),
        }
    }

    fn one_turn(&mut self) -> Result<(), Gone> {
        let record_ms = self.judge.court.link.wait_ms(self.turn.now_ms()).unwrap_or(u64::MAX);
        self.turn.wait_at_most(if self.judge.busy() { 0 } else { record_ms }).map_err(Gone::Failed)?;
        self.judge.turn_begins();
        let mut at = 0;
        while let Some(event) = self.turn.happened(at) {
            at = at.saturating_add(1);
            match event.token {
                TOKEN_INPUT => self.requests()?,
                TOKEN_BACK_INPUT => self.answers()?,
                TOKEN_START => self.told()?,
                TOKEN_STORE if event.readable() => {
                    let records = self.judge.court.link.read();
                    self.judge.provide(records);
                }
                _ => {}
            }
        }
        let link = &mut self.judge.court.link;
        let mut empty = link.ended(&self.turn);
        empty.extend(link.overdue(self.turn.now_ms()));
        self.judge.provide(empty);
        let Self { judge, output, back, .. } = self;
        with_ways(output, back.as_mut().map(|(_, to)| to), |out| judge.work(out))?;
        self.judge.counters.set(STREAM_CONNECTION, 0);
        self.judge.court.link.flush(&self.turn, TOKEN_STORE).map_err(Gone::Failed)?;
        if self.turn.ticked() {
            self.judge.count_losses();
            self.judge.counters.add(TURNS, 1);
            self.judge.counters.set(LOG_DROPPED, fosse_die::dropped());
            self.judge.counters.set_turns(self.turn.long_turns());
        }
        self.output.flush(&self.turn, TOKEN_OUTPUT)?;
        self.back.as_mut().map_or(Ok(()), |(_, to)| to.flush(&self.turn, TOKEN_BACK_OUTPUT))
    }

    fn requests(&mut self) -> Result<(), Gone> {
        let Self { judge, input, output, back, .. } = self;
        input.read()?;
        with_ways(output, back.as_mut().map(|(_, to)| to), |out| {
            while let Some(frame) = input.next_frame()? {
                judge.frame(&frame, out)?;
            }
            Ok(())
        })
    }

    fn answers(&mut self) -> Result<(), Gone> {
        let Self { judge, output, back: Some((from, to)), .. } = self else { return Ok(()) };
        from.read()?;
        with_ways(output, Some(to), |out| {
            while let Some(frame) = from.next_frame()? {
                judge.answer(&frame, out)?;
            }
            Ok(())
        })
    }

    fn told(&mut self) -> Result<(), Gone> {
        let Some(start) = &self.start else { return Ok(()) };
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        match fosse_fdpass::receive(start, &mut bytes, &mut fds).map_err(Gone::Failed)? {
            Received::Nothing => {}
            Received::End => return Err(Gone::End),
            Received::Message(count) => {
                let message = ToChild::decode(bytes.get(..count).unwrap_or_default(), fds.len())?;
                match (message, fds.pop()) {
                    (ToChild::Drain, _) => {
                        self.draining = true;
                        self.judge.counters.set(DRAINING, 1);
                    }
                    (ToChild::Records { .. }, Some(fd)) => {
                        let link = &mut self.judge.court.link;
                        let unanswered = link.connect(fd, &self.turn, TOKEN_STORE).map_err(Gone::Failed)?;
                        self.judge.provide(unanswered);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Work with both ways out. Where there is no way back nothing is written to it: no answer is judged.
fn with_ways<E>(
    on: &mut Output,
    back: Option<&mut Output>,
    work: impl FnOnce(&mut Out<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut nowhere = Outbox::default();
    let back = back.map_or(&mut nowhere, |back| &mut back.outbox);
    work(&mut Out { on: &mut on.outbox, back })
}

/// In a shell: read, judge, write, until the end of input.
fn pipeline(mut judge: Judge, mut input: Input, mut output: Output) -> ! {
    let end = loop {
        let step = input.read().and_then(|_| {
            while let Some(frame) = input.next_frame()? {
                judge.turn_begins();
                with_ways(&mut output, None, |out| judge.frame(&frame, out))?;
            }
            while judge.busy() {
                with_ways(&mut output, None, |out| judge.work(out))?;
            }
            output.flush_waiting()
        });
        if let Err(gone) = step {
            break gone;
        }
    };
    match (end, output.flush_waiting()) {
        (Gone::End, Ok(())) => std::process::exit(0),
        (gone, _) => temporary(PROGRAM, format_args!("frames: {gone}")),
    }
}
