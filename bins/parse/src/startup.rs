//! What the program inherits, and which of its two jobs it does: a stage of a lane, or the head of
//! a shell pipeline.

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
use crate::accept_channel::AcceptChannel;
use crate::access::AccessLog;
use crate::context::Context;
use crate::lease_channel::LeaseChannel;
use crate::peers::{Peers, StartChannel};
use crate::server::{ExitReason, Server};
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
    peers: Peers,
    access: Option<OwnedFd>,
    counters: Counters,
    event_loop: Turn,
    /// Where request numbers begin.
    request_first: u64,
}

/// Returns how strictly to lock down, as the options or the environment say.
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
    let peers = Peers {
        start: StartChannel::new(fds.optional(7)),
        accept: AcceptChannel::new(fds.optional(8)),
        lease: LeaseChannel::new(fds.optional(9)),
    };
    let access = fds.optional(10).inspect(set_nonblocking);
    let event_loop =
        Turn::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    Inputs { config, ring, peers, access, counters, event_loop, request_first: random() }
}

/// Takes over the two ends of a pipeline, before the lock.
#[must_use]
pub fn shell() -> Sealed<(OwnedFd, Output)> {
    let mut fds = inherit(PROGRAM, SHELL);
    Sealed::new((fds.required(0), Output::new(fds.required(1), Hello { credit_unlimited: true })))
}

/// Takes the ends of the ring. That looks at what the descriptors are, which the lock forbids, and
/// reads nothing.
fn ends(fds: &mut Descriptors, hello: Hello) -> (Input, Output) {
    (Input::new(fds.required(0)), Output::new(fds.required(1), hello))
}

/// Serves a lane until it is drained (exit 0) or something is lost (exit 111).
pub fn serve(inputs: Inputs, locked: Locked) -> ! {
    let settings = Settings::new(inputs.config.open(locked).read());
    let access = inputs.access.filter(|_| settings.blob.access_log);
    let mut context = Context::new(settings, inputs.counters, inputs.request_first);
    context.access = AccessLog::new(access);
    let mut server = Server::new(inputs.event_loop, inputs.ring.open(locked), inputs.peers, context)
        .unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}")));
    server.tell_start(ToStart::Ready);
    match server.run() {
        ExitReason::Drained => {
            server.tell_start(ToStart::Drained);
            std::process::exit(0)
        }
        ExitReason::Ring(why) => {
            server.shut_down(format_args!("ring: {why}"));
            std::process::exit(EXIT_TEMPORARY)
        }
        ExitReason::Failed(what, errno) => {
            server.shut_down(format_args!("{what}: {errno}"));
            std::process::exit(EXIT_TEMPORARY)
        }
    }
}

/// Runs a pipeline to its end. A reader that has gone away is not worth a message.
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

/// Keeps the log from stopping us: a full pipe drops lines.
fn set_nonblocking(fd: &OwnedFd) {
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
