//! The services: the programs that an edge has one of, and the messages that tell them of the
//! others.

use std::os::fd::{BorrowedFd, OwnedFd};

use fosse_die::{Escaped, alert};
use fosse_eventloop::slab::Key;
use fosse_sys::openat2::Openat2Error;
use fosse_wire::{
    launch::Program,
    start::{Stream, ToChild},
};
use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    process::Pid,
};

use crate::{
    PROGRAM, children::Children, launcher::SpawnContext, listeners::Open, logs, process::number_of, spawn::spawn,
    spawn_options::SpawnOptions,
};

/// The logger's descriptor of the access log.
const ACCESS_FD: u8 = 9;
/// The logger's descriptor of the audit log.
const AUDIT_FD: u8 = 10;

/// The lane, in messages, of a process that is in none.
const NO_LANE: u32 = u32::MAX;

/// The programs that an edge has one of.
#[derive(Debug, Default)]
pub(crate) struct Services {
    pub log: Option<Key>,
    pub status: Option<Key>,
    pub store: Option<Key>,
    /// The store is of the programs before an upgrade.
    pub store_outdated: bool,
    pub accept: Option<Key>,
}

impl Services {
    /// Takes over what a predecessor has started.
    pub(crate) fn adopt(&mut self, key: Key, program: Program, is_leaving: bool) {
        match program {
            Program::Accept => self.accept = Some(key),
            Program::Log => self.log = Some(key),
            Program::Status => self.status = Some(key),
            Program::Store if !is_leaving => self.store = Some(key),
            _ => {}
        }
    }

    /// Forgets a child that is gone.
    pub(crate) fn forget(&mut self, key: Key) {
        for service in [&mut self.log, &mut self.status, &mut self.store, &mut self.accept] {
            if *service == Some(key) {
                *service = None;
            }
        }
    }

    /// Returns accept once it is ready.
    pub(crate) fn ready_accept(&self, children: &Children) -> Option<Key> {
        self.accept.filter(|accept| children.is_ready(*accept))
    }

    /// Tells the logger and status of a process that exists.
    pub(crate) fn introduce(&self, children: &Children, key: Key) {
        self.introduce_to_log(children, key);
        self.introduce_to_status(children, key);
    }

    /// Gives the logger a process's pipes.
    fn introduce_to_log(&self, children: &Children, key: Key) {
        let (Some(log), Some(process)) = (self.log, children.get(key)) else { return };
        let Some(pid) = process.pid.map(number_of) else { return };
        let (program, lane) = (process.program as u8, process.lane.unwrap_or(NO_LANE));
        for (stream, fd) in &process.pipes {
            children.tell(log, ToChild::PipeAdd { stream: *stream, program, lane, pid }, Some(fd));
        }
    }

    /// Gives status a process's page.
    fn introduce_to_status(&self, children: &Children, key: Key) {
        let (Some(status), Some(process)) = (self.status, children.get(key)) else { return };
        let Some(pid) = process.pid.map(number_of) else { return };
        let (program, lane) = (process.program as u8, process.lane.unwrap_or(NO_LANE));
        children.tell(status, ToChild::PageAdd { program, lane, pid }, Some(&process.page_fd));
    }

    /// Tells status that a process is gone.
    pub(crate) fn page_dropped(&self, children: &Children, pid: Option<Pid>) {
        if let (Some(status), Some(pid)) = (self.status, pid) {
            children.tell(status, ToChild::PageDrop { pid: number_of(pid) }, None);
        }
    }
}

/// Starts the logger, which writes to start's own descriptors, and gives it the pipes of all
/// processes.
pub(crate) fn start_log(
    services: &mut Services,
    children: &mut Children,
    cx: SpawnContext<'_>,
    directory: Option<BorrowedFd<'_>>,
) {
    let mut fds = log_files(cx, directory);
    match fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3) {
        Ok(out) => fds.push((1, out)),
        // It writes to /dev/null then, as every process without a descriptor 1.
        Err(errno) => alert(PROGRAM, format_args!("event=log-file path=stderr error=\"{errno}\"")),
    }
    let options = SpawnOptions { fds, own_stderr: true, ..SpawnOptions::default() };
    services.log = start(children, cx, Program::Log, options);
    limit_lines(services, children, cx);
    children.iter().for_each(|(process, _)| services.introduce_to_log(children, process));
}

/// Gives the logger the log files of the plan, opened again, and its limit of lines: after a
/// reload, and when a log has been renamed.
pub(crate) fn renew_log_files(
    services: &Services,
    children: &Children,
    cx: SpawnContext<'_>,
    directory: Option<BorrowedFd<'_>>,
) {
    let Some(log) = services.log else { return };
    for (number, fd) in log_files(cx, directory) {
        let stream = if number == ACCESS_FD { Stream::Access } else { Stream::Audit };
        children.tell(log, ToChild::LogFile { stream }, Some(&fd));
    }
    limit_lines(services, children, cx);
}

fn limit_lines(services: &Services, children: &Children, cx: SpawnContext<'_>) {
    if let Some(log) = services.log {
        let (max, syslog_prefix) = (cx.generation.plan.log_second_lines_max, fosse_die::has_syslog_prefix());
        children.tell(log, ToChild::LogLines { max, syslog_prefix }, None);
    }
}

/// Opens the log files that the plan names. One that cannot be opened is reported, and the rest is
/// logged.
fn log_files(cx: SpawnContext<'_>, directory: Option<BorrowedFd<'_>>) -> Vec<(u8, OwnedFd)> {
    let plan = &cx.generation.plan;
    let mut fds = Vec::new();
    for (number, path) in [(ACCESS_FD, &plan.access_log), (AUDIT_FD, &plan.audit_log)] {
        if path.is_empty() {
            continue;
        }
        match directory.ok_or(Errno::NOENT).and_then(|directory| logs::open(directory, path)) {
            Ok(fd) => fds.push((number, fd)),
            Err(errno) => {
                alert(PROGRAM, format_args!("event=log-file path={} error=\"{}\"", Escaped(path), Openat2Error(errno)))
            }
        }
    }
    fds
}

/// Starts status, with its listening socket and the pages of all processes.
pub(crate) fn start_status(services: &mut Services, children: &mut Children, cx: SpawnContext<'_>, listener: &Open) {
    let fd = match fcntl_dupfd_cloexec(&listener.fd, 3) {
        Ok(fd) => fd,
        Err(errno) => return children.not_started(Program::Status, errno, cx.event_loop.now_ms()),
    };
    let options = SpawnOptions { fds: vec![(8, fd)], ..SpawnOptions::default() };
    services.status = start(children, cx, Program::Status, options);
    children.iter().for_each(|(process, _)| services.introduce_to_status(children, process));
}

/// Starts a service. Where it cannot be started it is reported, and missing until the next try.
pub(crate) fn start(
    children: &mut Children,
    cx: SpawnContext<'_>,
    program: Program,
    options: SpawnOptions,
) -> Option<Key> {
    spawn(children, cx, program, options)
        .map_err(|errno| children.not_started(program, errno, cx.event_loop.now_ms()))
        .ok()
}
