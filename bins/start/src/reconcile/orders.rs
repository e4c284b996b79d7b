//! The orders that processes are still to be given: the difference between what each should know
//! and hold, and what it was given. Nothing is sent here.

use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;

use crate::{
    children::{delivered::Subject, member::Member},
    lanes::{Lane, LaneState},
    reconcile::{desired::Desired, seen::Seen},
};

/// A step towards what a process should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Tells it of a subject, for the first time or of another edition of it.
    Tell { to: Key, subject: Subject, edition: u64 },
    /// Its subject is gone.
    Withdraw { to: Key, subject: Subject },
}

/// Returns the orders that are due, in the order in which each process is to get its own.
pub(crate) fn due(desired: &Desired, seen: &Seen<'_>) -> Vec<Order> {
    let mut due = Vec::new();
    let to: Vec<&Member<'_>> = seen.members.iter().filter(|member| !member.killed).collect();
    for member in &to {
        // A new page may have the process ID of one that is gone.
        withdrawn(desired, seen, member, &mut due);
        let mut tell = |subject, edition| push(member, subject, edition, &mut due);
        match member.program {
            Program::Accept if member.ready && accepts_alone(desired, seen, member) => {
                accept_should_know(desired, seen, &mut tell)
            }
            Program::Log => log_should_know(desired, seen, &mut tell),
            Program::Status => {
                seen.uncounted.iter().for_each(|(number, _)| tell(Subject::PageEnd(*number), 0));
                existing(seen).for_each(|other| tell(Subject::Page(other.key, other.pid), 0));
                desired.holder(Program::Cache).into_iter().for_each(|cache| tell(Subject::Cache(cache), 0));
                tell(Subject::Certificates, desired.certificates);
                desired.refusals.into_iter().for_each(|edition| tell(Subject::CertificatesRefused, edition));
                // Last: it responds to nobody before it has every page.
                tell(Subject::Report, desired.report);
            }
            Program::WafFilter if member.lane.is_some() => {
                let store = desired.holder(Program::Store).filter(|_| member.keeps_records);
                store.into_iter().for_each(|store| tell(Subject::Records(store), 0));
                // One whose place has changed still has bodies of this filter.
                let spool = desired.holder(Program::Spool).filter(|_| !has_spool(seen, member));
                spool.into_iter().for_each(|spool| tell(Subject::Spool(spool), 0));
            }
            Program::Dispatch => {
                let of = seen.lane_of(member).map(|lane| lane.generation);
                let passwords = desired.passwords.iter().filter(|(generation, _)| Some(*generation) == of);
                passwords.for_each(|(_, process)| tell(Subject::Passwords(*process), 0));
                // The one that fills for the cache is none of a lane.
                let cache = desired.holder(Program::Cache).filter(|_| member.lane.is_some());
                cache.into_iter().for_each(|cache| tell(Subject::Cache(cache), 0));
            }
            Program::Acme if !member.leaving => {
                desired.set_in_force.into_iter().for_each(|set| tell(Subject::Chains, set.into()));
            }
            _ => {}
        }
    }
    // Last, so that a store goes when its filters have the next one.
    to.iter().filter(|member| member.leaving).for_each(|member| push(member, Subject::Drain, 0, &mut due));
    due
}

fn push(member: &Member<'_>, subject: Subject, edition: u64, due: &mut Vec<Order>) {
    if !member.delivered.has(subject, edition) {
        due.push(Order::Tell { to: member.key, subject, edition });
    }
}

/// Returns whether a filter has a session with a spool that lives.
fn has_spool(seen: &Seen<'_>, filter: &Member<'_>) -> bool {
    filter.delivered.subjects().any(|subject| matches!(subject, Subject::Spool(spool) if seen.lives(spool)))
}

fn existing<'s>(seen: &'s Seen<'_>) -> impl Iterator<Item = &'s Member<'s>> {
    seen.members.iter().filter(|member| member.pid != 0)
}

/// Returns whether an accept is the one that serves, with no other that may still read the lanes'
/// channels.
fn accepts_alone(desired: &Desired, seen: &Seen<'_>, member: &Member<'_>) -> bool {
    let mut others = seen.members.iter().filter(|other| other.program == Program::Accept && other.key != member.key);
    desired.holder(Program::Accept) == Some(member.key)
        && others.all(|other| other.delivered.subjects().next().is_none())
}

fn accept_should_know(desired: &Desired, seen: &Seen<'_>, tell: &mut impl FnMut(Subject, u64)) {
    desired.addresses.iter().for_each(|listener| tell(Subject::Addresses(*listener), 0));
    tell(Subject::Strikes, 0);
    // After the lists, so that no connection is accepted before those that may refuse it are there.
    (0..desired.listeners).for_each(|listener| tell(Subject::Listener(listener), 0));
    for lane in seen.lanes.iter().filter(|lane| has_connections(lane)) {
        lane.doors.iter().for_each(|ends| tell(Subject::Lane(lane.number, ends.door), 0));
        if lane.state != LaneState::Live {
            tell(Subject::LaneDrains(lane.number), 0);
        }
    }
    seen.lanes.rests().for_each(|(lane, door, _)| tell(Subject::LaneRest(*lane, *door), 0));
    desired.crashes.iter().for_each(|crash| tell(Subject::Crash(*crash), 0));
}

/// Returns whether a lane gets connections, or may have some of an accept before.
fn has_connections(lane: &Lane) -> bool {
    let is_live = matches!(lane.state, LaneState::Live);
    lane.doors.iter().any(|ends| ends.accept.is_some() && (ends.given || is_live))
}

fn log_should_know(desired: &Desired, seen: &Seen<'_>, tell: &mut impl FnMut(Subject, u64)) {
    tell(Subject::LineLimit, desired.line_limit);
    desired.log_files.iter().for_each(|stream| tell(Subject::LogFile(*stream), desired.log_edition));
    let of_living = existing(seen).flat_map(|other| other.pipes.iter().flatten().map(|stream| (other.key, *stream)));
    of_living.chain(seen.unread.iter().copied()).for_each(|(of, stream)| tell(Subject::Pipe(of, stream), 0));
}

/// Adds the subjects that a process was given and that are no more.
fn withdrawn(desired: &Desired, seen: &Seen<'_>, member: &Member<'_>, due: &mut Vec<Order>) {
    for subject in member.delivered.subjects() {
        let is_gone = match subject {
            Subject::Pipe(of, stream) => !seen.lives(of) && !seen.unread.contains(&(of, stream)),
            Subject::Page(of, _) => !seen.lives(of) && !seen.uncounted.iter().any(|(_, key)| *key == Some(of)),
            Subject::PageEnd(of) => !seen.uncounted.iter().any(|(number, _)| *number == of),
            Subject::Records(of) | Subject::Spool(of) | Subject::Passwords(of) | Subject::Cache(of) => !seen.lives(of),
            Subject::Lane(lane, _) | Subject::LaneDrains(lane) => seen.lanes.find(lane).is_none(),
            Subject::LaneRest(lane, door) => !seen.lanes.rests().any(|(of, at, _)| (*of, *at) == (lane, door)),
            Subject::Crash(crash) => !desired.crashes.contains(&crash),
            _ => false,
        };
        if is_gone {
            due.push(Order::Withdraw { to: member.key, subject });
        }
    }
}
