//! The descriptors, and what is done to them before the lock, which forbids fstat(2) and fcntl(2).
//! Nothing is read from them.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use fosse_args::{Args, Flag, Takes};
use fosse_die::{fatal, temporary};
use fosse_inherit::{Descriptors, Expected, LINES, MEMORY, MESSAGES, STREAM};
use fosse_lockdown::Sealed;
use fosse_service::{ExitReason, Given, Process};
use fosse_stage::{Input, Output};
use fosse_sys::page::Page;
use fosse_wire::{frame::Hello, slots::Slots};

use crate::access::AccessLog;
use crate::context::Context;
use crate::pace::SourceRates;
use crate::refusal_events::RefusalEvents;
use crate::settings::Settings;

/// The option that says which front of its lane a process is.
pub const FRONT: Flag = Flag {
    name: "--front",
    takes: Takes::Text("K/N"),
    help: "its number among the fronts of its lane, and theirs: 0/1 without",
};

/// Returns the slots of the front that the arguments say this is.
#[must_use]
pub fn slots(args: &Args) -> Slots {
    args.parsed(FRONT.name, "a front, like 1/2").unwrap_or_default()
}

/// The descriptors of a stage of a lane. fd 2 is not among them: it stays where it is.
pub const LANE: &[Expected] = &[
    Expected::required(0, STREAM, "response frames"),
    Expected::required(1, STREAM, "request frames"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::optional(8, MESSAGES, "connections from accept"),
    Expected::optional(9, MESSAGES, "client sockets for dispatch"),
    Expected::optional(10, LINES, "access log"),
    Expected::optional(11, MEMORY, "pages"),
    Expected::optional(12, STREAM, "encoded response frames"),
    Expected::optional(13, STREAM, "credit for encode"),
    Expected::optional(14, MEMORY, "rates of sources"),
    Expected::optional(15, MEMORY, "questions"),
    Expected::optional(16, MESSAGES, "clients of fosse-tls"),
];

/// The ring of a lane, and what its requests are logged to.
#[derive(Debug)]
pub struct Lane {
    /// The slots of this front.
    slots: Slots,
    /// Frames of responses.
    pub input: Input,
    /// Frames of requests.
    pub output: Output,
    /// Frames of responses that fosse-encode has encoded, and credit for it.
    pub encode: Option<(Input, Output)>,
    /// The pipe of the access log.
    access: Option<OwnedFd>,
    /// The number before that of the first request.
    request_first: u64,
}

impl Lane {
    /// Reads the settings and all that is shared, once the process is locked. Credit for
    /// fosse-encode and whether connections are reported are the front's to add.
    ///
    /// # Errors
    /// The reason for which the pages cannot be used.
    pub fn context(
        &mut self,
        program: &'static str,
        process: &Process,
        given: &mut Given,
    ) -> Result<Context, ExitReason> {
        let mut settings = Settings::new(given.settings());
        if let Some(pages) = given.optional(11) {
            settings.take_page_files(pages).map_err(|why| ExitReason::Failed(format!("pages: {why}")))?;
        }
        let access = self.access.take().filter(|_| settings.blob.access_log);
        let mut context = Context::new(program, settings, Rc::clone(&process.counters), self.request_first);
        context.slots = self.slots;
        context.access = AccessLog::new(access, &context.settings.blob);
        context.refusals = RefusalEvents::reported();
        context.source_rates = SourceRates::new(given.optional(14).and_then(|fd| Page::map(fd).ok()));
        context.set_now(&process.event_loop);
        context.settings.name_rows(&context.counters);
        Ok(context)
    }
}

/// Takes what a front of a lane, which has these slots, needs before the lock.
pub fn lane(program: &str, slots: Slots, descriptors: &mut Descriptors) -> Sealed<Lane> {
    let hello = Hello { slots, ..Hello::default() };
    let session = |(from, to)| (Input::new(from).for_front(slots), Output::new(to, hello));
    let encode = descriptors.optional(12).zip(descriptors.optional(13));
    Sealed::new(Lane {
        slots,
        encode: encode.map(session),
        input: Input::new(descriptors.required(0)).for_front(slots),
        output: Output::new(descriptors.required(1), hello),
        access: descriptors.optional(10).inspect(|pipe| set_nonblocking(program, pipe)),
        request_first: random(program),
    })
}

/// Keeps the log from stopping us: a full pipe drops lines.
fn set_nonblocking(program: &str, fd: &OwnedFd) {
    let flags = rustix::fs::fcntl_getfl(fd);
    if flags.and_then(|flags| rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)).is_err() {
        temporary(program, "unable to make the access log pipe nonblocking");
    }
}

/// Returns any 64 bits: request numbers begin there, so that those of two processes do not meet.
fn random(program: &str) -> u64 {
    let mut bytes = [0u8; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => u64::from_le_bytes(bytes),
        _ => fatal(program, "the kernel has no random bytes"),
    }
}
