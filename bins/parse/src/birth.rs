//! What the program is born with, and which of its two lives it takes up: a stage of a lane, or the head of a shell pipeline.

use std::fs::File;
use std::os::fd::OwnedFd;

use fosse_args::Args;
use fosse_counters::Counters;
use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Word, fatal, say, temporary};
use fosse_eventloop::Turn;
use fosse_inherit::{Blob, Descriptors, Expected, LINES, MEMORY, MESSAGES, STREAM, inherit};
use fosse_lockdown::{Locked, Mode, Sealed};
use fosse_stage::{Gone, Input, Output};
use fosse_wire::frame::Hello;
use fosse_wire::start::ToStart;

use crate::PROGRAM;
use crate::lane::Lane;
use crate::serve::{Over, Server, Side};
use crate::settings::Settings;
use crate::stdin;

/// fd 2 is not among them: it stays where it is.
const LANE: &[Expected] = &[
    Expected::required(0, STREAM, "response frames"),
    Expected::required(1, STREAM, "request frames"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::required(8, MESSAGES, "connections from accept"),
    Expected::optional(9, MESSAGES, "client sockets for dispatch"),
    Expected::optional(10, LINES, "access log"),
];

const SHELL: &[Expected] =
    &[Expected::required(0, STREAM, "requests"), Expected::required(1, STREAM, "request frames")];

/// The descriptors of a stage of a lane.
#[derive(Debug)]
pub struct Inputs {
    config: Sealed<Blob<fosse_settings::Parse>>,
    ring: Sealed<(Input, Output)>,
    side: Side,
    counters: Counters,
    turn: Turn,
    /// Where request numbers begin.
    request_first: u64,
}

/// How strictly to lock down, as options or the environment say.
pub fn mode(args: &mut Args) -> Mode {
    let modes = [Mode::Strict, Mode::Trap, Mode::Off];
    let asked = modes.into_iter().find(|mode| mode.option().is_some_and(|option| args.flag(option)));
    asked.unwrap_or_else(Mode::from_environment)
}

/// Takes over the descriptors of a lane, before the lock; nothing is read from them yet.
#[must_use]
pub fn lane() -> Inputs {
    let mut fds = inherit(PROGRAM, LANE);
    let config = fosse_inherit::blob(PROGRAM, &mut fds, 5);
    let counters = fosse_inherit::counters(PROGRAM, &mut fds, 6);
    let ring = Sealed::new(ends(&mut fds, Hello::default()));
    let side = Side {
        start: fds.optional(7),
        accept: fds.optional(8),
        direct: fds.optional(9),
        access: fds.optional(10).inspect(never_wait),
    };
    let turn = Turn::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    Inputs { config, ring, side, counters, turn, request_first: random() }
}

/// Takes over the two ends of a pipeline, before the lock.
#[must_use]
pub fn shell() -> Sealed<(OwnedFd, Output)> {
    let mut fds = inherit(PROGRAM, SHELL);
    Sealed::new((fds.required(0), Output::new(fds.required(1), Hello { credit_unlimited: true })))
}

/// The ends of the ring. They look at what their descriptors are, which the lock forbids, and read nothing.
fn ends(fds: &mut Descriptors, hello: Hello) -> (Input, Output) {
    (Input::new(fds.required(0)), Output::new(fds.required(1), hello))
}

/// Serves a lane until it is drained (exit 0) or something is lost (exit 111).
pub fn serve(inputs: Inputs, locked: Locked) -> ! {
    let settings = Settings::new(inputs.config.open(locked).read());
    let lane = Lane::new(settings, inputs.counters, inputs.request_first);
    let mut server = Server::new(inputs.turn, inputs.ring.open(locked), inputs.side, lane)
        .unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}")));
    server.tell_start(ToStart::Ready);
    match server.run() {
        Over::Drained => {
            server.tell_start(ToStart::Drained);
            std::process::exit(0)
        }
        Over::Ring(why) => {
            server.farewell(format_args!("ring: {why}"));
            std::process::exit(EXIT_TEMPORARY)
        }
        Over::Broken(what, errno) => {
            server.farewell(format_args!("{what}: {errno}"));
            std::process::exit(EXIT_TEMPORARY)
        }
    }
}

/// Runs a pipeline to its end. A reader that went away is no news.
pub fn pipeline((input, mut output): (OwnedFd, Output)) -> ! {
    match stdin::run(Settings::plain(), File::from(input), &mut output) {
        Ok(()) => std::process::exit(0),
        Err(stdin::Trouble::Reader(Gone::End)) => std::process::exit(EXIT_TEMPORARY),
        Err(trouble @ stdin::Trouble::Refused(_)) => {
            say(PROGRAM, Word::Warning, trouble);
            std::process::exit(EXIT_PERMANENT)
        }
        Err(trouble) => temporary(PROGRAM, trouble),
    }
}

/// The log must not stop us: a full pipe drops lines.
fn never_wait(fd: &OwnedFd) {
    let flags = rustix::fs::fcntl_getfl(fd);
    if flags.and_then(|flags| rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)).is_err() {
        temporary(PROGRAM, "unable to make the access log pipe nonblocking");
    }
}

/// Request numbers begin anywhere in 64 bits, so that those of two processes do not meet.
fn random() -> u64 {
    let mut bytes = [0u8; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => u64::from_le_bytes(bytes),
        _ => fatal(PROGRAM, "the kernel has no random bytes"),
    }
}
