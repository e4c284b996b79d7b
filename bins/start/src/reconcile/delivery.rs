//! Delivering orders: the message and the descriptor of each, and the channel that it goes into.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_die::alert;
use fosse_eventloop::slab::Key;
use fosse_wire::start::{LANE_NONE, ToChild};
use rustix::{io::Errno, net::SocketType};

use crate::{
    PROGRAM,
    children::{Children, delivered::Subject},
    generation::Generation,
    launch::spawn::pair,
    reconcile::{
        orders::{self, Order},
        view::{desired, in_force},
    },
    reload::state::Reload,
    services,
    sockets::socket::Open,
    state::State,
};

/// A descriptor that comes with an order.
enum Parcel<'a> {
    Nothing,
    Kept(&'a OwnedFd),
    Made(OwnedFd),
}

impl Parcel<'_> {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Kept(fd) => vec![fd.as_fd()],
            Self::Made(fd) => vec![fd.as_fd()],
        }
    }
}

/// The parts of an edge that orders are made of.
struct Sources<'a> {
    state: &'a State,
    generation: &'a Generation,
    open: &'a [Open],
    log_directory: Option<BorrowedFd<'a>>,
}

/// Delivers orders as far as there is room for them. The others are due at the next turn too.
pub(crate) fn deliver(due: &[Order], state: &mut State, reload: &Reload, log_directory: Option<BorrowedFd<'_>>) {
    let mut full: Vec<Key> = Vec::new();
    for order in due {
        let (Order::Tell { to, subject, .. } | Order::Withdraw { to, subject }) = *order;
        if full.contains(&to) {
            continue;
        }
        let (generation, open) = in_force(&state.generation, &state.listeners.open, reload);
        let sources = Sources { state, generation, open, log_directory };
        let is_over = match order {
            Order::Tell { .. } => deliver_one(&sources, to, subject),
            Order::Withdraw { .. } => withdraw(&state.children, to, subject),
        };
        if is_over { note(state, *order) } else { full.push(to) }
    }
}

/// Notes that a predecessor has delivered all that is due.
pub(crate) fn take_over(state: &mut State) {
    let due = orders::due(&desired(state, &Reload::default()), &state.seen());
    // What is kept of lanes is what it has not delivered.
    let is_kept = |order: &Order| matches!(order, Order::Tell { subject: Subject::LaneRest(..), .. });
    due.into_iter().filter(|order| !is_kept(order)).for_each(|order| note(state, order));
}

/// Notes that an order was delivered.
fn note(state: &mut State, order: Order) {
    let (Order::Tell { to, .. } | Order::Withdraw { to, .. }) = order;
    let Some(process) = state.children.get_mut(to) else { return };
    match order {
        Order::Withdraw { subject, .. } => process.delivered.forget(subject),
        Order::Tell { subject, edition, .. } => {
            process.delivered.note(subject, edition);
            match subject {
                Subject::Lane(number, door) => {
                    state.lanes.find_mut(number).into_iter().for_each(|lane| lane.note_given(door));
                }
                Subject::LaneRest(number, door) => state.lanes.forget_rest(number, door),
                Subject::Pipe(of, stream) => state.children.unread.given(of, stream),
                Subject::Crash(crash) => state.penalties.crashes.retain(|due| *due != crash),
                Subject::PageEnd(number) => {
                    let of = state.children.uncounted.find(number).and_then(|ended| ended.key);
                    if let (Some(of), Some(process)) = (of, state.children.get_mut(to)) {
                        process.delivered.forget_page(of);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Delivers one order. Returns false where it has to be delivered again.
fn deliver_one(sources: &Sources<'_>, to: Key, subject: Subject) -> bool {
    let children = &sources.state.children;
    match subject {
        Subject::Records(store) => return open_session(children, to, store, |lane| ToChild::Records { lane }),
        Subject::Passwords(process) => {
            return open_session(children, to, process, |lane| ToChild::Passwords { lane });
        }
        Subject::Cache(cache) => return open_session(children, to, cache, |lane| ToChild::Cache { lane }),
        Subject::Spool(spool) => return open_session(children, to, spool, |lane| ToChild::Spool { lane }),
        _ => {}
    }
    match parcel(sources, subject) {
        // There is nothing to tell any more.
        None => true,
        Some((message, parcel)) => send(children, to, message, &parcel.fds()),
    }
}

fn withdraw(children: &Children, to: Key, subject: Subject) -> bool {
    match subject {
        // Its end was not told of: it has counted nothing, or is one of too many.
        Subject::Page(_, pid) => send(children, to, ToChild::PageDrop { pid }, &[]),
        // It sees the end of what it was given itself.
        _ => true,
    }
}

/// Sends a message. Returns false where it has to be sent again: not where the child is gone, which
/// will be reaped.
fn send(children: &Children, to: Key, message: ToChild, fds: &[BorrowedFd<'_>]) -> bool {
    let Some(process) = children.get(to) else { return true };
    let sent = fosse_fdpass::send(&process.control, &message.encode(), fds);
    // ETOOMANYREFS: more descriptors are on their way than this user may have open (unix(7)).
    !matches!(sent, Err(Errno::AGAIN | Errno::TOOMANYREFS | Errno::NOBUFS | Errno::NOMEM))
}

/// Gives a stage and a service, such as a filter and the store, the ends of a session of theirs.
fn open_session(children: &Children, stage: Key, service: Key, message: impl FnOnce(u32) -> ToChild) -> bool {
    let lane = children.get(stage).and_then(|process| process.lane).unwrap_or(LANE_NONE);
    match pair(SocketType::STREAM) {
        Ok((one, other)) => {
            let message = message(lane);
            // A session that the stage has no room for ends at once for the service.
            send(children, service, message, &[one.as_fd()]) && send(children, stage, message, &[other.as_fd()])
        }
        Err(errno) => {
            let program = children.get(service).map_or("", |process| process.program.name());
            alert(PROGRAM, format_args!("event=no-session program={program} lane={lane} error=\"{errno}\""));
            true
        }
    }
}

/// Returns the message and the descriptor that tell of a subject; `None` where that is gone, or
/// where what it needs cannot be had, which is reported.
fn parcel<'s>(sources: &Sources<'s>, subject: Subject) -> Option<(ToChild, Parcel<'s>)> {
    let (State { children, reload_report, .. }, plan) = (sources.state, &sources.generation.plan);
    let parcel = match subject {
        Subject::LineLimit => {
            let (max, syslog_prefix) = (plan.log_second_lines_max, fosse_die::has_syslog_prefix());
            (ToChild::LogLines { max, syslog_prefix }, Parcel::Nothing)
        }
        Subject::LogFile(stream) => {
            let file = services::log_file(plan, stream, sources.log_directory)?;
            (ToChild::LogFile { stream }, Parcel::Made(file))
        }
        Subject::Pipe(of, stream) => {
            let (source, fd) = children.pipe(of, stream)?;
            let (program, lane) = (source.program as u8, source.lane.unwrap_or(LANE_NONE));
            (ToChild::PipeAdd { stream, program, lane, pid: source.pid }, Parcel::Kept(fd))
        }
        Subject::Page(of, pid) => {
            let process = children.get(of)?;
            let (program, lane) = (process.program as u8, process.lane.unwrap_or(LANE_NONE));
            (ToChild::PageAdd { program, lane, pid }, Parcel::Kept(&process.page_fd))
        }
        Subject::PageEnd(number) => {
            let ended = children.uncounted.find(number)?;
            (ToChild::PageEnd { program: ended.program as u8, number, pid: ended.pid }, Parcel::Kept(&ended.page))
        }
        Subject::Report => {
            let words = sealed("reload", reload_report.words().as_bytes(), "event=not-reported to=fosse-status");
            // It responds to nobody before it is told, be it without the words.
            let words = words.unwrap_or(Parcel::Kept(&sources.state.launcher.null));
            (reload_report.message(sources.generation.number), words)
        }
        Subject::Chains => {
            let images = sources.generation.tls.as_ref()?;
            (ToChild::Chains { lane: LANE_NONE, set: images.set }, Parcel::Kept(&images.chains))
        }
        Subject::Certificates | Subject::CertificatesRefused => return parcel_of_certificates(sources, subject),
        Subject::Drain => (ToChild::Drain, Parcel::Nothing),
        of_accept => return parcel_for_accept(sources, of_accept),
    };
    Some(parcel)
}

/// Returns the message and the descriptor of a subject that is about certificates, as [`parcel`].
fn parcel_of_certificates<'s>(sources: &Sources<'s>, subject: Subject) -> Option<(ToChild, Parcel<'s>)> {
    let report = &sources.state.certificates.report;
    if subject == Subject::CertificatesRefused {
        let (tag, words) = report.refused.as_ref()?;
        return Some((ToChild::CertificatesRefused { tag: *tag }, Parcel::Kept(words)));
    }
    let images = sources.generation.tls.as_ref();
    let set = images.map_or(0, |images| images.set);
    // Of none there is nothing to say.
    let listing = images.map_or(&sources.state.launcher.null, |images| &images.listing);
    Some((ToChild::Certificates { set, tag: report.tag }, Parcel::Kept(listing)))
}

/// Returns the message and the descriptor of a subject that accept alone is told of, as [`parcel`].
fn parcel_for_accept<'s>(sources: &Sources<'s>, subject: Subject) -> Option<(ToChild, Parcel<'s>)> {
    let State { lanes, penalties, .. } = sources.state;
    let generation = sources.generation.number;
    let parcel = match subject {
        Subject::Addresses(listener) => {
            let (_, fd) = sources.generation.addresses.iter().find(|(of, _)| *of == listener)?;
            (ToChild::Addresses { listener, generation }, Parcel::Kept(fd))
        }
        Subject::Strikes if !penalties.is_empty() => {
            (ToChild::Strikes, sealed("strikes", &penalties.encode(), "event=penalties-lost")?)
        }
        Subject::Listener(listener) => {
            let fd = &sources.open.get(usize::from(listener))?.fd;
            (ToChild::Listen { listener, generation }, Parcel::Kept(fd))
        }
        Subject::Lane(number, door) => {
            let ends = lanes.find(number)?.door(door)?;
            let connections_max = sources.state.generation.lane_connections_max();
            let message = ToChild::LaneAdd { lane: number, door, connections_max, known: ends.given };
            (message, Parcel::Kept(ends.accept.as_ref()?))
        }
        Subject::LaneDrains(lane) => (ToChild::LaneDrain { lane }, Parcel::Nothing),
        Subject::LaneRest(lane, door) => {
            let (.., rest) = lanes.rests().find(|(of, at, _)| (*of, *at) == (lane, door))?;
            (ToChild::LaneRest { lane, door }, Parcel::Kept(rest))
        }
        Subject::Crash(crash) => (crash.order(), Parcel::Nothing),
        _ => return None,
    };
    Some(parcel)
}

fn sealed<'a>(name: &str, bytes: &[u8], lost: &str) -> Option<Parcel<'a>> {
    let sealed = fosse_sys::memfd::sealed(name, bytes);
    sealed.inspect_err(|errno| alert(PROGRAM, format_args!("{lost} error=\"{errno}\""))).ok().map(Parcel::Made)
}
