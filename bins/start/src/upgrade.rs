//! Binary upgrade in place: start executes its new self with the same PID. Everything it holds survives as descriptors and
//! one sealed table; then the new self makes a change as if it had been asked to reload, with the new programs.

use std::{
    collections::HashMap,
    ffi::{CString, OsStr},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

use fosse_die::{alert, info};
use fosse_plan::Plan;
use fosse_sys::{page::PageReader, process::Fork};
use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long, put_short},
    launch::Program,
    start::{MESSAGE_BYTES, Mark, Stream, ToStart},
};
use rustix::{
    event::Timespec,
    fs::{Mode, OFlags, openat},
    io::{Errno, FdFlags, fcntl_setfd},
    process::{Pid, WaitOptions, waitpid},
};

use crate::{
    PROGRAM,
    change::Change,
    edge::{Current, Edge},
    lane::{Lane, Stage},
    limits,
    listeners::Open,
    process::Process,
};

/// The environment variable that names the descriptor of the table.
const STATE_VARIABLE: &str = "FOSSE_START_STATE";
const MAGIC: [u8; 8] = *b"fosseup3";

impl Edge {
    /// SIGUSR2: executes the new start. Where that fails, everything goes on as it was.
    pub(crate) fn upgrade(&mut self) {
        if !matches!(self.change, Change::Rest)
            || !self.launches.is_empty()
            || self.ending.is_some()
            || self.accept.is_none()
        {
            info(PROGRAM, "event=upgrade-waits");
            self.upgrade_wanted = true;
            return;
        }
        self.upgrade_wanted = false;
        info(PROGRAM, "event=upgrade");
        let errno = match self.successor().and_then(|program| Ok((program, self.table()?))) {
            Ok((program, _)) if !self.fits(&program) => {
                let cure = "end this start and start the new one";
                return alert(
                    PROGRAM,
                    format_args!("event=upgrade-failed error=\"it cannot run below this one\" cure=\"{cure}\""),
                );
            }
            Ok((program, (table, fds))) => self.execute(&program, &table, &fds),
            Err(errno) => errno,
        };
        alert(PROGRAM, format_args!("event=upgrade-failed error=\"{errno}\" cure=\"the running start goes on\""));
    }

    /// An upgrade that came while something else was under way.
    pub(crate) fn upgrade_if_wanted(&mut self) {
        if self.upgrade_wanted {
            self.upgrade();
        }
    }

    fn successor(&self) -> Result<OwnedFd, Errno> {
        openat(&self.options.programs, "fosse-start", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
    }

    /// Asks the new start whether it and its programs can live behind the filter of this one, which stays for life.
    fn fits(&self, program: &OwnedFd) -> bool {
        if self.options.mode == fosse_lockdown::Mode::Off {
            return true;
        }
        let numbers = CString::new(fosse_lockdown::launcher::numbers()).unwrap_or_default();
        let fits = CString::new(crate::options::FITS).unwrap_or_default();
        match fosse_sys::process::fork() {
            Ok(Fork::Parent(child)) => ended_well(child),
            Ok(Fork::Child) => {
                fosse_sys::process::execveat(program.as_fd(), &[c"fosse-start".into(), fits, numbers], &[]);
                fosse_sys::process::exit_now(fosse_die::EXIT_TEMPORARY)
            }
            Err(_) => false,
        }
    }

    fn execute(&self, program: &OwnedFd, table: &[u8], fds: &[BorrowedFd<'_>]) -> Errno {
        let run = || -> Result<Errno, Errno> {
            let state = fosse_sys::memfd::sealed("start", table)?;
            let kept: Vec<BorrowedFd<'_>> =
                fds.iter().copied().chain([state.as_fd()]).chain(self.options.kept()).collect();
            if kept.iter().any(|fd| fd.as_raw_fd() >= fosse_sys::fd::INHERITED_FDS_MAX) {
                return Err(Errno::MFILE);
            }
            for fd in &kept {
                fcntl_setfd(fd, FdFlags::empty())?;
            }
            let text = |s: &OsStr| CString::new(s.as_bytes()).unwrap_or_default();
            let argv: Vec<CString> = std::env::args_os().map(|a| text(&a)).collect();
            let state = format!("{STATE_VARIABLE}={}", state.as_raw_fd());
            let envp: Vec<CString> = std::env::vars_os()
                .filter(|(name, _)| name != STATE_VARIABLE && !name.as_bytes().starts_with(b"LISTEN_"))
                .map(|(name, value)| text(OsStr::from_bytes(&[name.as_bytes(), b"=", value.as_bytes()].concat())))
                .chain([CString::new(state).unwrap_or_default()])
                .collect();
            let errno = fosse_sys::process::execveat(program.as_fd(), &argv, &envp);
            for fd in &kept {
                let _ = fcntl_setfd(fd, FdFlags::CLOEXEC);
            }
            Ok(errno)
        };
        run().unwrap_or_else(|errno| errno)
    }

    /// Everything the new start must know, and the descriptors it names by number.
    fn table(&self) -> Result<(Vec<u8>, Vec<BorrowedFd<'_>>), Errno> {
        let mut w = Writer::default();
        self.write(&mut w).map_err(|_| Errno::OVERFLOW)?;
        Ok((w.out, w.fds))
    }

    fn write<'e>(&'e self, w: &mut Writer<'e>) -> Result<(), WireError> {
        w.out.extend_from_slice(&MAGIC);
        w.number(self.current.generation);
        w.number(self.next_lane);
        w.number(self.next_launch);
        put_long(&mut w.out, &self.current.plan.encode()?, "plan")?;
        w.list(&self.current.blobs, |w, (program, fd)| {
            w.out.push(*program as u8);
            w.fd(fd);
        });
        w.list(&self.current.rules, |w, fd| w.fd(fd));
        w.list(&self.current.addresses, |w, (listener, fd)| {
            w.number(u32::from(*listener));
            w.fd(fd);
        });
        w.list(&self.listeners, |w, open| w.fd(&open.fd));
        w.list(&self.status_listener, |w, open| w.fd(&open.fd));
        w.list(&self.handed, |w, (name, fd)| {
            let _ = put_short(&mut w.out, name, "name");
            w.fd(fd);
        });
        w.out.push(u8::from(self.current.keeps_records));
        w.number(pid_number(Some(self.nursery.pid)));
        w.fd(&self.nursery.channel);
        w.list(self.marks.all(), |w, mark| w.out.extend_from_slice(&ToStart::Marked(mark).encode()));
        w.list(self.lanes.iter(), |w, lane| w.lane(lane));
        w.list(self.processes.iter().map(|(_, process)| process), |w, process| w.process(process));
        Ok(())
    }

    /// Takes over from the start this one was executed by, if there is one.
    ///
    /// # Errors
    /// [`WireError`] where the table is not what this version writes.
    pub(crate) fn take_over(&mut self) -> Result<bool, WireError> {
        let Some(table) = table_of_predecessor() else { return Ok(false) };
        let mut r = Reader(Cursor::new(&table));
        if r.0.array::<8>()? != MAGIC {
            return Err(WireError::Field("magic"));
        }
        let (generation, next_lane, next_launch) = (r.0.u32()?, r.0.u32()?, r.0.u32()?);
        (self.next_lane, self.next_launch) = (next_lane, next_launch);
        let plan = Plan::decode(r.0.long_bytes()?)?;
        let blobs: HashMap<Program, OwnedFd> =
            r.list(|r| Ok((Program::from_byte(r.0.u8()?)?, r.fd()?)))?.into_iter().collect();
        let rules = r.list(Reader::fd)?.pop();
        let addresses =
            r.list(|r| Ok((u16::try_from(r.0.u32()?).map_err(|_| WireError::Field("listener"))?, r.fd()?)))?;
        let fds = r.list(Reader::fd)?;
        self.listeners = plan.listeners.iter().zip(fds).map(|(l, fd)| Open { place: l.place.clone(), fd }).collect();
        let status = r.list(Reader::fd)?.pop();
        self.status_listener = status.map(|fd| Open { place: status_place(&plan), fd });
        self.handed = r.list(|r| Ok((r.0.short_bytes()?.to_vec(), r.fd()?)))?;
        let keeps_records = r.0.u8()? == 1;
        self.nursery.pid = pid_of(r.0.u32()?).ok_or(WireError::Field("nursery"))?;
        self.nursery.channel = r.fd()?;
        r.list(Reader::mark)?.into_iter().for_each(|mark| self.marks.keep(mark));
        self.lanes = r.list(Reader::lane)?;
        let now_ms = self.turn.now_ms();
        for process in r.list(|r| r.process(now_ms))? {
            self.adopt(process);
        }
        r.0.end()?;
        let template = self.processes.iter().find(|(_, p)| p.template && !p.leaving).map(|(key, _)| key);
        self.current = Current { plan, generation, blobs, rules, template, keeps_records, addresses };
        self.store_outdated = self.store.is_some();
        Ok(true)
    }

    fn adopt(&mut self, process: Process) {
        let (program, lane, slot) = (process.program, process.lane, process.slot);
        let Some(key) = self.processes.insert(process) else { return };
        if let Some(used) = self.slots.get_mut(slot) {
            *used = true;
        }
        if let Some(process) = self.processes.get(key) {
            let token = key.token(crate::edge::token::CONTROL);
            let _ = self.turn.add(&process.control, token, fosse_eventloop::Interest::IN);
        }
        match program {
            Program::Accept => self.accept = Some(key),
            Program::Log => self.log = Some(key),
            Program::Status => self.status = Some(key),
            Program::Store if !self.processes.get(key).is_some_and(|p| p.leaving) => self.store = Some(key),
            _ => {}
        }
        if let Some(lane) = self.lanes.iter_mut().find(|l| Some(l.number) == lane) {
            lane.processes.push(key);
        }
    }
}

/// Whether a child that only answers a question says yes in time.
fn ended_well(child: Pid) -> bool {
    let step = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    for _ in 0..limits::FITS_MS_MAX / 5 {
        match waitpid(Some(child), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => return status.exit_status() == Some(0),
            Ok(None) => drop(rustix::event::poll(&mut [], Some(&step))),
            Err(_) => return false,
        }
    }
    let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
    false
}

/// The place of the status socket, as a plan names it.
pub(crate) fn status_place(plan: &Plan) -> fosse_plan::Place {
    fosse_plan::Place::Unix { path: plan.status_socket.clone(), owner: u32::MAX, group: u32::MAX, mode: 0o660 }
}

/// Whether this start was executed by another.
#[must_use]
pub fn is_successor() -> bool {
    std::env::var_os(STATE_VARIABLE).is_some()
}

fn table_of_predecessor() -> Option<Vec<u8>> {
    let number = std::env::var(STATE_VARIABLE).ok()?.parse().ok()?;
    fosse_sys::blob::read(fosse_sys::fd::take(number)?, limits::OUTPUT_BYTES_MAX).ok()
}

fn pid_number(pid: Option<Pid>) -> u32 {
    pid.map_or(0, |p| p.as_raw_nonzero().get().unsigned_abs())
}

fn pid_of(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

#[derive(Default)]
struct Writer<'e> {
    out: Vec<u8>,
    fds: Vec<BorrowedFd<'e>>,
}

impl<'e> Writer<'e> {
    fn number(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn long(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn fd(&mut self, fd: &'e OwnedFd) {
        self.number(fd.as_raw_fd().unsigned_abs());
        self.fds.push(fd.as_fd());
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        let at = self.out.len();
        self.number(0);
        let mut count = 0u32;
        for item in items {
            each(self, item);
            count = count.saturating_add(1);
        }
        if let Some(place) = self.out.get_mut(at..at.saturating_add(4)) {
            place.copy_from_slice(&count.to_le_bytes());
        }
    }

    fn lane(&mut self, lane: &'e Lane) {
        [lane.number, lane.generation, lane.core].into_iter().for_each(|n| self.number(n));
        let (stage, until) = match lane.stage {
            Stage::Starting => (0, 0),
            Stage::Live => (1, 0),
            Stage::Draining(until) => (2, until),
            Stage::Dying(until) => (3, until),
        };
        self.out.push(stage);
        self.long(until);
        self.list(&lane.accept_end, Self::fd);
    }

    fn process(&mut self, process: &'e Process) {
        self.out.push(process.program as u8);
        self.list(process.lane, Self::number);
        self.number(pid_number(process.pid));
        self.number(u32::try_from(process.slot).unwrap_or(u32::MAX));
        self.out.extend_from_slice(&[u8::from(process.ready), u8::from(process.leaving), u8::from(process.killed)]);
        self.out.extend_from_slice(&[u8::from(process.template), u8::from(process.keeps_records)]);
        self.long(process.turns);
        self.fd(&process.control);
        self.fd(&process.page_fd);
        self.list(&process.pipes, |w, (stream, fd)| {
            w.out.push(*stream as u8);
            w.fd(fd);
        });
    }
}

struct Reader<'a>(Cursor<'a>);

impl Reader<'_> {
    fn fd(&mut self) -> Result<OwnedFd, WireError> {
        let number = i32::try_from(self.0.u32()?).map_err(|_| WireError::Field("descriptor"))?;
        fosse_sys::fd::take(number).ok_or(WireError::Field("descriptor"))
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Result<T, WireError>) -> Result<Vec<T>, WireError> {
        (0..self.0.u32()?).map(|_| each(self)).collect()
    }

    fn mark(&mut self) -> Result<Mark, WireError> {
        match ToStart::decode(&self.0.array::<MESSAGE_BYTES>()?)? {
            ToStart::Marked(mark) => Ok(mark),
            _ => Err(WireError::Field("mark")),
        }
    }

    fn lane(&mut self) -> Result<Lane, WireError> {
        let (number, generation, core) = (self.0.u32()?, self.0.u32()?, self.0.u32()?);
        let (stage, until) = (self.0.u8()?, self.0.u64()?);
        let stage = match stage {
            0 => Stage::Starting,
            1 => Stage::Live,
            2 => Stage::Draining(until),
            3 => Stage::Dying(until),
            _ => return Err(WireError::Field("stage")),
        };
        let accept_end = self.list(Self::fd)?.pop();
        Ok(Lane { number, generation, core, processes: Vec::new(), accept_end, stage, suspect: None })
    }

    fn process(&mut self, now_ms: u64) -> Result<Process, WireError> {
        let program = Program::from_byte(self.0.u8()?)?;
        let lane = self.list(|r| r.0.u32())?.pop();
        let pid = pid_of(self.0.u32()?);
        let slot = usize::try_from(self.0.u32()?).map_err(|_| WireError::Field("slot"))?;
        let (ready, leaving, killed) = (self.0.u8()? == 1, self.0.u8()? == 1, self.0.u8()? == 1);
        let (template, keeps_records) = (self.0.u8()? == 1, self.0.u8()? == 1);
        let turns = self.0.u64()?;
        let (control, page_fd) = (self.fd()?, self.fd()?);
        let page = PageReader::map(&page_fd).map_err(|_| WireError::Field("page"))?;
        let pipes = self.list(|r| {
            let stream = match r.0.u8()? {
                0 => Stream::Log,
                1 => Stream::Access,
                2 => Stream::Audit,
                _ => return Err(WireError::Field("stream")),
            };
            Ok((stream, r.fd()?))
        })?;
        Ok(Process {
            program,
            lane,
            pid,
            slot,
            control,
            page_fd,
            page,
            pipes,
            ready,
            turns,
            moved_ms: now_ms,
            leaving,
            killed,
            template,
            keeps_records,
        })
    }
}
