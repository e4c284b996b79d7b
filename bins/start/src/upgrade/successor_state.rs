//! The state that an upgrade carries from a start to its successor: one sealed table, and the
//! descriptors it names by number.

use std::{
    collections::HashMap,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use crate::{
    children::{
        Children,
        process::{Process, number_of, pid_of},
        stillness::Stillness,
        uncounted::{Ended, Uncounted},
    },
    generation::{Generation, TlsImages},
    lanes::Lanes,
    launch::{fork_server::ForkServer, uid_range::UidRange},
    limits,
    penalties::Penalties,
    services::{
        bound::{BoundServices, Job},
        files::FilesBackend,
        passwords::Users,
    },
    sockets::{listeners::Listeners, socket::Open},
};
use fosse_plan::Plan;
use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long, put_short},
    launch::Program,
    start::{MESSAGE_BYTES, Stream, Strike, ToStart},
};
use rustix::process::Pid;

/// The environment variable that names the descriptor of the table.
pub(crate) const STATE_VARIABLE: &str = "FOSSE_START_STATE";
/// The version of the table: who reads another is no successor.
pub(crate) const VERSION: &str = "fosseu17";
const MAGIC: [u8; 8] = *b"fosseu17";

/// The state that a predecessor has left.
pub(crate) struct Inheritance {
    pub generation: Generation,
    /// The number of the last reload.
    pub reloads: u32,
    pub next_launch: u32,
    pub listeners: Listeners,
    pub fork_server: ForkServer,
    pub penalties: Penalties,
    pub lanes: Lanes,
    pub uncounted: Uncounted,
    pub processes: Vec<Process>,
    /// The services of generations: the generation and the job of each, and its process.
    pub bound: Vec<(u32, Job, Option<Pid>)>,
}

/// Returns whether this start was executed by another.
pub(crate) fn is_successor() -> bool {
    std::env::var_os(STATE_VARIABLE).is_some()
}

/// Reads the table of the start that this one was executed by; `None` where there is none.
pub(crate) fn table_of_predecessor() -> Option<Vec<u8>> {
    let number = std::env::var(STATE_VARIABLE).ok()?.parse().ok()?;
    fosse_sys::blob::read(fosse_sys::fd::take(number)?, limits::OUTPUT_BYTES_MAX).ok()
}

/// Encodes everything the new start must know. Returns it with the descriptors it names.
///
/// # Errors
/// [`WireError`] where something is longer than the table can say.
pub(crate) fn encode<'e>(
    generation: &'e Generation,
    reloads: u32,
    (children, bound): (&'e Children, &'e BoundServices),
    lanes: &'e Lanes,
    listeners: &'e Listeners,
    fork_server: &'e ForkServer,
    penalties: &Penalties,
) -> Result<(Vec<u8>, Vec<BorrowedFd<'e>>), WireError> {
    let mut w = Writer::default();
    w.out.extend_from_slice(&MAGIC);
    [generation.number, reloads, lanes.next_number(), children.launches.next()].into_iter().for_each(|n| w.number(n));
    w.generation(generation)?;
    w.listeners(listeners)?;
    w.out.push(u8::from(generation.keeps_records));
    w.number(number_of(fork_server.pid));
    w.fd(&fork_server.channel);
    w.list(penalties.all(), |w, strike| {
        w.out.extend_from_slice(&ToStart::Strike(strike).encode());
        Ok(())
    })?;
    w.lanes(lanes)?;
    w.uncounted(&children.uncounted)?;
    w.list(children.iter().map(|(_, process)| process), Writer::process)?;
    w.list(bound.iter(), |w, one| {
        let pid = one.process.and_then(|key| children.get(key)?.pid);
        [one.generation, pid.map_or(0, number_of)].into_iter().for_each(|n| w.number(n));
        w.job(&one.job)
    })?;
    Ok((w.out, w.fds))
}

/// Decodes the table of a predecessor.
///
/// # Errors
/// [`WireError`] where the table is not what this version writes.
pub(crate) fn decode(table: &[u8]) -> Result<Inheritance, WireError> {
    let mut r = Reader(Cursor::new(table));
    if r.0.array::<8>()? != MAGIC {
        return Err(WireError::Field("magic"));
    }
    let (number, reloads, next_lane, next_launch) = (r.0.u32()?, r.0.u32()?, r.0.u32()?, r.0.u32()?);
    let plan = Plan::decode(r.0.long_bytes()?)?;
    let blobs: HashMap<Program, OwnedFd> =
        r.list(|r| Ok((Program::from_byte(r.0.u8()?)?, r.fd()?)))?.into_iter().collect();
    let rules = r.list(Reader::fd)?.pop();
    let addresses = r.list(|r| Ok((u16::try_from(r.0.u32()?).map_err(|_| WireError::Field("listener"))?, r.fd()?)))?;
    let (pages, keys, users) = (r.list(Reader::fd)?.pop(), r.list(Reader::fd)?.pop(), r.list(Reader::fd)?.pop());
    let tls = r.images()?;
    let listeners = r.listeners(&plan)?;
    let keeps_records = r.0.u8()? == 1;
    let pid = pid_of(r.0.u32()?).ok_or(WireError::Field("fork server"))?;
    let fork_server = ForkServer { pid, channel: r.fd()? };
    let mut penalties = Penalties::default();
    r.list(Reader::strike)?.into_iter().for_each(|strike| penalties.keep(strike));
    let lanes = r.lanes(next_lane)?;
    let uncounted = r.uncounted()?;
    let processes = r.list(Reader::process)?;
    let bound = r.list(|r| {
        let (generation, pid) = (r.0.u32()?, pid_of(r.0.u32()?));
        Ok((generation, r.job()?, pid))
    })?;
    r.0.end()?;
    let whole = Generation::new(plan);
    let generation = Generation { number, blobs, rules, keeps_records, addresses, pages, keys, users, tls, ..whole };
    Ok(Inheritance {
        generation,
        reloads,
        next_launch,
        listeners,
        fork_server,
        penalties,
        lanes,
        uncounted,
        processes,
        bound,
    })
}

#[derive(Default)]
pub(super) struct Writer<'e> {
    pub(super) out: Vec<u8>,
    fds: Vec<BorrowedFd<'e>>,
}

impl<'e> Writer<'e> {
    pub(super) fn number(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn long(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn fd(&mut self, fd: &'e OwnedFd) {
        self.number(fd.as_raw_fd().unsigned_abs());
        self.fds.push(fd.as_fd());
    }

    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        // The items are written aside, as their number comes before them.
        let mut items_only = Self { out: Vec::new(), fds: std::mem::take(&mut self.fds) };
        let mut count = 0u32;
        for item in items {
            each(&mut items_only, item)?;
            count = count.checked_add(1).ok_or(WireError::Field("count"))?;
        }
        self.number(count);
        self.out.append(&mut items_only.out);
        self.fds = items_only.fds;
        Ok(())
    }

    pub(super) fn fds(&mut self, fds: impl IntoIterator<Item = &'e OwnedFd>) -> Result<(), WireError> {
        self.list(fds, |w, fd| {
            w.fd(fd);
            Ok(())
        })
    }

    fn generation(&mut self, generation: &'e Generation) -> Result<(), WireError> {
        put_long(&mut self.out, &generation.plan.encode()?, "plan")?;
        self.list(&generation.blobs, |w, (program, fd)| {
            w.out.push(*program as u8);
            w.fd(fd);
            Ok(())
        })?;
        self.fds(&generation.rules)?;
        self.list(&generation.addresses, |w, (listener, fd)| {
            w.number(u32::from(*listener));
            w.fd(fd);
            Ok(())
        })?;
        self.fds(&generation.pages)?;
        self.fds(&generation.keys)?;
        self.fds(&generation.users)?;
        self.list(&generation.tls, |w, images| {
            w.number(images.set);
            [&images.chains, &images.keys, &images.listing].into_iter().for_each(|fd| w.fd(fd));
            Ok(())
        })
    }

    fn job(&mut self, job: &'e Job) -> Result<(), WireError> {
        self.out.push(job.program() as u8);
        match job {
            Job::Files(FilesBackend { root, settings, to, from }) => {
                [root, settings, to, from].into_iter().for_each(|fd| self.fd(fd));
                Ok(())
            }
            Job::Passwords(Users { settings, files }) => {
                self.fd(settings);
                self.fds(files)
            }
        }
    }

    fn listeners(&mut self, listeners: &'e Listeners) -> Result<(), WireError> {
        self.fds(listeners.open.iter().map(|open| &open.fd))?;
        for open in &listeners.status {
            self.fds(open.iter().map(|open| &open.fd))?;
        }
        self.list(&listeners.handed, |w, (name, fd)| {
            put_short(&mut w.out, name, "name")?;
            w.fd(fd);
            Ok(())
        })?;
        self.list(&listeners.uids, |w, range| {
            w.number(range.first);
            w.fds(&range.sockets)
        })
    }

    fn uncounted(&mut self, uncounted: &'e Uncounted) -> Result<(), WireError> {
        let (sums, last) = uncounted.left();
        self.fds(sums)?;
        self.number(last);
        self.list(uncounted.iter(), |w, ended| {
            w.out.push(ended.program as u8);
            [ended.number, ended.pid].into_iter().for_each(|n| w.number(n));
            w.fd(&ended.page);
            Ok(())
        })
    }

    fn process(&mut self, process: &'e Process) -> Result<(), WireError> {
        self.out.push(process.program as u8);
        self.list(process.lane, |w, lane| {
            w.number(lane);
            Ok(())
        })?;
        self.number(process.pid.map_or(0, number_of));
        self.number(u32::try_from(process.slot).map_err(|_| WireError::Field("slot"))?);
        self.out.extend_from_slice(&[u8::from(process.ready), u8::from(process.leaving), u8::from(process.killed)]);
        self.out.extend_from_slice(&[u8::from(process.zygote), u8::from(process.keeps_records)]);
        self.long(process.stillness.turns);
        self.fd(&process.control);
        self.fd(&process.page_fd);
        self.list(&process.pipes, |w, (stream, fd)| {
            w.out.push(*stream as u8);
            w.fd(fd);
            Ok(())
        })
    }
}

pub(super) struct Reader<'a>(pub(super) Cursor<'a>);

impl Reader<'_> {
    pub(super) fn fd(&mut self) -> Result<OwnedFd, WireError> {
        let number = i32::try_from(self.0.u32()?).map_err(|_| WireError::Field("descriptor"))?;
        fosse_sys::fd::take(number).ok_or(WireError::Field("descriptor"))
    }

    pub(super) fn list<T>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        (0..self.0.u32()?).map(|_| each(self)).collect()
    }

    fn images(&mut self) -> Result<Option<TlsImages>, WireError> {
        let images = self.list(|r| {
            let (set, chains, keys, listing) = (r.0.u32()?, r.fd()?, r.fd()?, r.fd()?);
            Ok(TlsImages { set, chains, keys, listing, files: None })
        });
        Ok(images?.pop())
    }

    fn job(&mut self) -> Result<Job, WireError> {
        match Program::from_byte(self.0.u8()?)? {
            Program::Static => {
                let (root, settings, to, from) = (self.fd()?, self.fd()?, self.fd()?, self.fd()?);
                Ok(Job::Files(FilesBackend { root, settings, to, from }))
            }
            Program::Password => Ok(Job::Passwords(Users { settings: self.fd()?, files: self.list(Self::fd)?.pop() })),
            _ => Err(WireError::Field("job")),
        }
    }

    /// Reads the descriptors of a plan's listeners, of status, and those a supervisor handed over.
    fn listeners(&mut self, plan: &Plan) -> Result<Listeners, WireError> {
        let fds = self.list(Self::fd)?;
        let open = plan.listeners.iter().zip(fds).map(|(l, fd)| Open { place: l.place.clone(), fd }).collect();
        let mut status = [None, None];
        for (open, place) in status.iter_mut().zip([&plan.status_socket, &plan.status_address]) {
            let fd = self.list(Self::fd)?.pop();
            *open = fd.zip(place.clone()).map(|(fd, place)| Open { place, fd });
        }
        let handed = self.list(|r| Ok((r.0.short_bytes()?.to_vec(), r.fd()?)))?;
        let uids = self.list(|r| Ok(UidRange { first: r.0.u32()?, sockets: r.list(Self::fd)? }))?.pop();
        Ok(Listeners { open, handed, status, uids, port_finder: None })
    }

    fn strike(&mut self) -> Result<Strike, WireError> {
        match ToStart::decode(&self.0.array::<MESSAGE_BYTES>()?)? {
            ToStart::Strike(strike) => Ok(strike),
            _ => Err(WireError::Field("strike")),
        }
    }

    fn uncounted(&mut self) -> Result<Uncounted, WireError> {
        let (sums, last) = (self.list(Self::fd)?.pop(), self.0.u32()?);
        let ended = self.list(|r| {
            let program = Program::from_byte(r.0.u8()?)?;
            Ok(Ended { key: None, program, number: r.0.u32()?, pid: r.0.u32()?, page: r.fd()? })
        })?;
        Uncounted::of(sums, last, ended).map_err(|_| WireError::Field("sums"))
    }

    fn process(&mut self) -> Result<Process, WireError> {
        let program = Program::from_byte(self.0.u8()?)?;
        let lane = self.list(|r| r.0.u32())?.pop();
        let pid = pid_of(self.0.u32()?);
        let slot = usize::try_from(self.0.u32()?).map_err(|_| WireError::Field("slot"))?;
        let (ready, leaving, killed) = (self.0.u8()? == 1, self.0.u8()? == 1, self.0.u8()? == 1);
        let (zygote, keeps_records) = (self.0.u8()? == 1, self.0.u8()? == 1);
        let stillness = Stillness::new(self.0.u64()?);
        let (control, page_fd) = (self.fd()?, self.fd()?);
        let pipes = self.list(|r| {
            let stream = match r.0.u8()? {
                0 => Stream::Log,
                1 => Stream::Access,
                2 => Stream::Audit,
                _ => return Err(WireError::Field("stream")),
            };
            Ok((stream, r.fd()?))
        })?;
        let process = Process::new(program, lane, slot, control, page_fd).map_err(|_| WireError::Field("page"))?;
        Ok(Process { pid, pipes, ready, stillness, leaving, killed, zygote, keeps_records, ..process })
    }
}
