//! Births: what every process is given, where it is born, and what follows when it is ready.

use std::os::fd::OwnedFd;

use fosse_counters::PAGE_BYTES;
use fosse_die::{alert, temporary};
use fosse_eventloop::Interest;
use fosse_eventloop::slab::Key;
use fosse_sys::{openat2::Openat2Error, page::PageReader, process::Fork};
use fosse_wire::{
    launch::{Launch, Program},
    start::{Stream, ToChild},
};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
    process::Pid,
};

use crate::{
    PROGRAM,
    edge::{Edge, token},
    lane::{Lane, Stage},
    limits, logs,
    process::Process,
};

/// A connected pair of one type.
pub(crate) fn pair(kind: SocketType) -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
}

/// The same memory file, opened anew so that whoever gets it can only read: status must not write other processes' pages.
fn read_only(page: &OwnedFd) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsRawFd as _;
    let path = format!("/proc/self/fd/{}", page.as_raw_fd());
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Programs that need the host's network or files: everything else is born in the nursery.
const fn needs_host(program: Program) -> bool {
    matches!(program, Program::Connect)
}

/// What a process is given beyond what every process gets.
#[derive(Debug, Default)]
pub(crate) struct Gifts {
    /// Number and descriptor.
    pub fds: Vec<(u8, OwnedFd)>,
    /// Number of the pipe for access or audit lines, if it writes any.
    pub lines: Option<(u8, Stream)>,
    /// Its lane, and the core it is pinned to.
    pub lane: Option<(u32, u32)>,
    /// Its command line behind the name.
    pub words: Vec<String>,
    /// Its log lines go to start's own descriptor 2.
    pub own_stderr: bool,
    /// It stays what the nursery is and makes processes itself.
    pub template: bool,
}

impl Edge {
    /// Starts a process.
    #[expect(
        clippy::too_many_lines,
        reason = "all that a process is born with, so that nothing can be forgotten elsewhere"
    )]
    pub(crate) fn spawn(&mut self, program: Program, gifts: Gifts) -> Result<Key, Errno> {
        let slot = self.slots.iter().position(|used| !used).ok_or(Errno::AGAIN)?;
        let (control, child_control) = pair(SocketType::SEQPACKET)?;
        let page_fd = fosse_sys::memfd::page(program.name(), PAGE_BYTES)?;
        let mut process = Process {
            program,
            lane: gifts.lane.map(|(lane, _)| lane),
            pid: None,
            slot,
            control,
            page: PageReader::map(&page_fd)?,
            page_fd: read_only(&page_fd)?,
            pipes: Vec::new(),
            ready: false,
            turns: 0,
            moved_ms: self.turn.now_ms(),
            leaving: false,
            killed: false,
            template: gifts.template,
            keeps_records: false,
        };
        let mut fds = gifts.fds;
        let given = |fds: &Vec<(u8, OwnedFd)>, number: u8| fds.iter().any(|(n, _)| *n == number);
        for number in [0, 1] {
            if !given(&fds, number) {
                fds.push((number, rustix::io::fcntl_dupfd_cloexec(&self.null, 3)?));
            }
        }
        if gifts.own_stderr {
            fds.push((2, rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?));
        } else {
            fds.push((2, process.pipe(Stream::Log)?));
        }
        if let Some((number, stream)) = gifts.lines {
            fds.push((number, process.pipe(stream)?));
        }
        if let Some(blob) = self.current.blobs.get(&program)
            && !given(&fds, 5)
        {
            fds.push((5, rustix::io::fcntl_dupfd_cloexec(blob, 3)?));
        }
        fds.push((6, page_fd));
        fds.push((7, child_control));
        self.bear(process, fds, gifts.lane.map_or(fosse_spawn::CORE_ANY, |(_, core)| core), &gifts.words)
    }

    fn bear(&mut self, process: Process, fds: Vec<(u8, OwnedFd)>, cpu: u32, words: &[String]) -> Result<Key, Errno> {
        let (program, slot) = (process.program, process.slot);
        let targets: Vec<u8> = fds.iter().map(|(number, _)| *number).collect();
        let uid = if self.privileged && !process.template {
            self.current.plan.uid_base.saturating_add(u32::try_from(slot).unwrap_or(0))
        } else {
            fosse_spawn::UID_KEPT
        };
        let mode = fosse_spawn::mode_to_byte(self.options.mode);
        let words: Vec<u8> = words.iter().flat_map(|w| w.bytes().chain([0])).collect();
        let launch =
            Launch { token: self.next_launch, uid, gid: uid, cpu, program, mode, targets: &targets, words: &words };
        let executable = self.programs.get(program)?;
        let template = self.current.template.filter(|_| program == Program::WafFilter && process.lane.is_some());
        let key = self.processes.insert(process).ok_or(Errno::NOMEM)?;
        if let Some(used) = self.slots.get_mut(slot) {
            *used = true;
        }
        if let Some(process) = self.processes.get(key) {
            self.turn.add(&process.control, key.token(token::CONTROL), Interest::IN)?;
        }
        if needs_host(program) {
            let owned: Vec<OwnedFd> = fds.into_iter().map(|(_, fd)| fd).collect();
            match fosse_sys::process::fork()? {
                Fork::Child => fosse_spawn::execute(PROGRAM, &launch, executable, &owned),
                Fork::Parent(pid) => self.has_pid(key, pid),
            }
        } else {
            let mut borrowed: Vec<&OwnedFd> = fds.iter().map(|(_, fd)| fd).collect();
            match template.and_then(|template| self.processes.get(template)) {
                Some(template) => fosse_spawn::ask(&template.control, &launch, &borrowed)?,
                None => {
                    borrowed.insert(0, executable);
                    fosse_spawn::ask(&self.nursery.channel, &launch, &borrowed)?;
                }
            }
            self.launches.insert(launch.token, (key, template));
            self.next_launch = self.next_launch.wrapping_add(1);
        }
        Ok(key)
    }

    /// A maker's answer to a launch.
    pub(crate) fn launched(&mut self, token: u32, pid: u32, errno: u16) {
        let Some((key, _)) = self.launches.remove(&token) else { return };
        match i32::try_from(pid).ok().and_then(Pid::from_raw) {
            Some(number) => {
                self.has_pid(key, number);
                if let Some(end) = self.early_deaths.remove(&pid) {
                    self.died(key, end);
                }
            }
            None => temporary(
                PROGRAM,
                format_args!("unable to start a process: {}", Errno::from_raw_os_error(i32::from(errno))),
            ),
        }
    }

    /// A process exists: the logger and status learn of it.
    fn has_pid(&mut self, key: Key, pid: Pid) {
        if let Some(process) = self.processes.get_mut(key) {
            process.pid = Some(pid);
        }
        self.introduce_to_log(key);
        self.introduce_to_status(key);
    }

    /// Gives the logger a process's pipes.
    pub(crate) fn introduce_to_log(&self, key: Key) {
        let (Some(log), Some(process)) = (self.log, self.processes.get(key)) else { return };
        let Some(pid) = process.pid else { return };
        for (stream, fd) in &process.pipes {
            let message = ToChild::PipeAdd {
                stream: *stream,
                program: process.program as u8,
                lane: process.lane.unwrap_or(u32::MAX),
                pid: pid.as_raw_nonzero().get().unsigned_abs(),
            };
            self.tell(log, message, Some(fd));
        }
    }

    /// Gives status a process's page.
    pub(crate) fn introduce_to_status(&self, key: Key) {
        let (Some(status), Some(process)) = (self.status, self.processes.get(key)) else { return };
        let Some(pid) = process.pid else { return };
        let message = ToChild::PageAdd {
            program: process.program as u8,
            lane: process.lane.unwrap_or(u32::MAX),
            pid: pid.as_raw_nonzero().get().unsigned_abs(),
        };
        self.tell(status, message, Some(&process.page_fd));
    }

    /// What the filter is given of the way back, and parse's end of it. Without a site that has its answers judged dispatch writes
    /// to parse itself.
    fn way_back(&self, from_dispatch: OwnedFd) -> Result<(Vec<(u8, OwnedFd)>, OwnedFd), Errno> {
        if !self.current.plan.inspects_responses || !self.current.blobs.contains_key(&Program::WafFilter) {
            return Ok((Vec::new(), from_dispatch));
        }
        let (filter_out, parse_in) = pair(SocketType::STREAM)?;
        Ok((vec![(3, from_dispatch), (4, filter_out)], parse_in))
    }

    /// Starts a lane of the current generation: a ring of stages, each pinned to the lane's core.
    pub(crate) fn start_lane(&mut self, core: u32) -> Result<(), Errno> {
        let number = self.next_lane;
        self.next_lane = number.wrapping_add(1);
        let (accept_end, channel) = pair(SocketType::SEQPACKET)?;
        let (parse_out, first_in) = pair(SocketType::STREAM)?;
        let (dispatch_out, back_in) = pair(SocketType::STREAM)?;
        let (direct_out, direct_in) = pair(SocketType::SEQPACKET)?;
        let (ask, answer) = pair(SocketType::SEQPACKET)?;
        let answer_copy = rustix::io::fcntl_dupfd_cloexec(&answer, 3)?;
        let lane = Some((number, core));
        let mut processes = Vec::with_capacity(4);
        let access = (!self.current.plan.access_log.is_empty()).then_some((10, Stream::Access));
        let (way_back, parse_in) = self.way_back(back_in)?;
        // A lane that cannot be born whole is forgotten at once: its processes end when their neighbours do.
        let parse_fds = vec![(0, parse_in), (1, parse_out), (8, channel), (9, direct_out)];
        processes.push(self.spawn(Program::Parse, Gifts { fds: parse_fds, lines: access, lane, ..Gifts::default() })?);
        let dispatch_in = if self.current.blobs.contains_key(&Program::WafFilter) {
            let (filter_out, dispatch_in) = pair(SocketType::STREAM)?;
            let fds = way_back.into_iter().chain([(0, first_in), (1, filter_out)]).collect();
            processes.push(self.start_filter(fds, lane)?);
            dispatch_in
        } else {
            first_in
        };
        let fds = vec![(0, dispatch_in), (1, dispatch_out), (8, direct_in), (9, ask)];
        processes.push(self.spawn(Program::Dispatch, Gifts { fds, lane, ..Gifts::default() })?);
        let fds = vec![(0, answer), (1, answer_copy)];
        processes.push(self.spawn(Program::Connect, Gifts { fds, lane, ..Gifts::default() })?);
        let generation = self.current.generation;
        let accept_end = Some(accept_end);
        self.lanes.push(Lane {
            number,
            generation,
            core,
            processes,
            accept_end,
            stage: Stage::Starting,
            suspect: None,
        });
        Ok(())
    }

    fn start_filter(&mut self, fds: Vec<(u8, OwnedFd)>, lane: Option<(u32, u32)>) -> Result<Key, Errno> {
        let audit = (!self.current.plan.audit_log.is_empty()).then_some((9, Stream::Audit));
        let filter = self.spawn(Program::WafFilter, Gifts { fds, lines: audit, lane, ..Gifts::default() })?;
        self.filter_begun(filter);
        Ok(filter)
    }

    /// Starts the logger, which writes to start's own descriptors, and gives it everybody's pipes.
    pub(crate) fn start_log(&mut self) {
        let mut fds = Vec::new();
        for (number, path) in [(9, self.current.plan.access_log.clone()), (10, self.current.plan.audit_log.clone())] {
            if path.is_empty() {
                continue;
            }
            match self.options.log_directory().ok_or(Errno::NOENT).and_then(|directory| logs::open(directory, &path)) {
                Ok(fd) => fds.push((number, fd)),
                Err(errno) => alert(
                    PROGRAM,
                    format_args!("event=log-file path={} error=\"{}\"", fosse_die::Odd(&path), Openat2Error(errno)),
                ),
            }
        }
        if let Ok(out) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3) {
            fds.push((1, out));
        }
        match self.spawn(Program::Log, Gifts { fds, own_stderr: true, ..Gifts::default() }) {
            Ok(key) => {
                self.log = Some(key);
                self.processes.iter().for_each(|(process, _)| self.introduce_to_log(process));
            }
            Err(errno) => self.not_started(Program::Log, errno),
        }
    }

    /// Starts status, with its listening socket and everybody's pages.
    pub(crate) fn start_status(&mut self) {
        let Some(open) = &self.status_listener else { return };
        let Ok(fd) = rustix::io::fcntl_dupfd_cloexec(&open.fd, 3) else { return };
        match self.spawn(Program::Status, Gifts { fds: vec![(8, fd)], ..Gifts::default() }) {
            Ok(key) => {
                self.status = Some(key);
                self.processes.iter().for_each(|(process, _)| self.introduce_to_status(process));
            }
            Err(errno) => self.not_started(Program::Status, errno),
        }
    }

    /// Starts accept; when it is ready it is given lanes and listeners.
    pub(crate) fn start_accept(&mut self) {
        match self.spawn(Program::Accept, Gifts::default()) {
            Ok(key) => self.accept = Some(key),
            Err(errno) => self.not_started(Program::Accept, errno),
        }
    }

    /// A process could not even be begun: as bad as ten deaths of it, since trying again at once helps nobody.
    pub(crate) fn not_started(&mut self, program: Program, errno: Errno) {
        alert(PROGRAM, format_args!("event=not-started program={} error=\"{errno}\"", program.name()));
        let now_ms = self.turn.now_ms();
        let throttle = self.throttles.entry(program).or_default();
        (0..=limits::DEATHS_FREE).for_each(|_| throttle.died(now_ms));
    }

    /// A child is locked down and serves.
    pub(crate) fn became_ready(&mut self, key: Key) {
        if Some(key) == self.accept {
            return self.accept_ready(key);
        }
        if Some(key) == self.current.template {
            return self.template_ready();
        }
        let Some(number) = self.processes.get(key).and_then(|p| p.lane) else { return };
        let Some(lane) = self.lanes.iter().find(|l| l.number == number) else { return };
        let whole = lane.processes.iter().all(|k| self.processes.get(*k).is_some_and(|p| p.ready));
        if whole && lane.stage == Stage::Starting {
            self.lane_ready(number);
        }
    }

    /// All stages of a lane are ready.
    fn lane_ready(&mut self, number: u32) {
        let Some(lane) = self.lanes.iter_mut().find(|l| l.number == number) else { return };
        lane.stage = Stage::Live;
        // One that was begun before the change serves like the others until the change takes its place.
        if self.change.waits_for_lanes() && lane.generation == self.current.generation {
            return self.lanes_of_change_ready();
        }
        if let Some(accept) = self.accept.filter(|key| self.processes.get(*key).is_some_and(|p| p.ready)) {
            self.give_lane(accept, number, false);
        }
    }

    /// Gives accept a lane. `known`: it was there before this accept.
    pub(crate) fn give_lane(&self, accept: Key, number: u32, known: bool) {
        let Some(lane) = self.lanes.iter().find(|l| l.number == number) else { return };
        let Some(fd) = &lane.accept_end else { return };
        let connections_max = self.current.plan.lane_connections_max;
        self.tell(accept, ToChild::LaneAdd { lane: number, connections_max, known }, Some(fd));
        if !matches!(lane.stage, Stage::Live) {
            self.tell(accept, ToChild::LaneDrain { lane: number }, None);
        }
    }

    /// Gives accept what those before it have remembered.
    fn give_marks(&self, accept: Key) {
        if self.marks.is_empty() {
            return;
        }
        match fosse_sys::memfd::sealed("marks", &self.marks.encode()) {
            Ok(fd) => self.tell(accept, ToChild::Marks, Some(&fd)),
            Err(errno) => alert(PROGRAM, format_args!("event=penalties-lost error=\"{errno}\"")),
        }
    }

    fn accept_ready(&mut self, accept: Key) {
        let numbers: Vec<(u32, bool)> = self.lanes.iter().map(|l| (l.number, l.stage != Stage::Starting)).collect();
        for (number, _) in numbers.iter().filter(|(_, born)| *born) {
            self.give_lane(accept, *number, true);
        }
        // Lists before listeners: nobody is let in who should not be.
        for (listener, fd) in &self.current.addresses {
            self.tell(
                accept,
                ToChild::Addresses { listener: *listener, generation: self.current.generation },
                Some(fd),
            );
        }
        self.give_marks(accept);
        for (index, open) in self.listeners.iter().enumerate() {
            let listener = u16::try_from(index).unwrap_or(u16::MAX);
            self.tell(accept, ToChild::Listen { listener, generation: self.current.generation }, Some(&open.fd));
        }
        self.accept_of_change_ready();
    }
}

impl Process {
    /// A new pipe: the writing end for the process, the reading end kept for the logger. Neither end ever waits.
    fn pipe(&mut self, stream: Stream) -> Result<OwnedFd, Errno> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        self.pipes.push((stream, read));
        Ok(write)
    }
}

const _: () = assert!(limits::SLOTS_MAX < u32::MAX as usize);
