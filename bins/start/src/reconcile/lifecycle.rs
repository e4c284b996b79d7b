//! The processes that are to be started, asked to go and killed next: the difference between what
//! an edge should be and what was seen of it. Nothing is done here.

use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;

use crate::{
    children::member::Member,
    lanes::{Lane, LaneState},
    reconcile::{desired::Desired, seen::Seen},
    shutdown::ending::Ending,
};

/// The next thing to do to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Starts a program that an edge has one of; [`Program::WafFilter`] is a zygote.
    Start(Program),
    /// Starts the process of a service of a generation.
    StartBound(u32),
    /// Starts a lane of the current generation on this core.
    StartLane(u32),
    /// Starts another encode for the lane of this number.
    StartEncode(u32),
    /// Starts another keys for the lane of this number.
    StartKeys(u32),
    /// Starts another one of a program beside connect for the lane of this number.
    StartBeside(u32, Program),
    /// Closes the channels that lanes get connections over, so that each finishes what it has.
    CloseLanes,
    /// Asks a process to finish and go.
    Leave(Key),
    Kill(Key),
    /// Exits: an edge that ends has no process left.
    Exit,
}

impl Action {
    /// Returns the process that is killed.
    pub(crate) const fn kills(&self) -> Option<Key> {
        if let Self::Kill(key) = self { Some(*key) } else { None }
    }
}

/// The fate of a process, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Stays,
    Leaves,
    Dies,
}

/// Returns what is to be done next. An action that was carried out is not among the next ones, and
/// one that failed is not before its pause is over.
pub(crate) fn next(desired: &Desired, seen: &Seen<'_>) -> Vec<Action> {
    let mut actions: Vec<Action> = seen.members.iter().filter_map(|member| parting(desired, seen, member)).collect();
    match desired.ending {
        None => starts(desired, seen, &mut actions),
        Some(_) if seen.members.is_empty() => actions.push(Action::Exit),
        Some(_) if !seen.has(Program::Accept) && seen.lanes.iter().any(Lane::is_open) => {
            actions.push(Action::CloseLanes);
        }
        Some(_) => {}
    }
    actions
}

/// Returns the action that makes a process go, where it should and was not made to yet.
fn parting(desired: &Desired, seen: &Seen<'_>, member: &Member<'_>) -> Option<Action> {
    match fate(desired, seen, member) {
        Fate::Dies if !member.killed => Some(Action::Kill(member.key)),
        Fate::Leaves if !member.leaving => Some(Action::Leave(member.key)),
        _ => None,
    }
}

fn fate(desired: &Desired, seen: &Seen<'_>, member: &Member<'_>) -> Fate {
    let own = match (member.lane, seen.lane_of(member)) {
        (Some(_), Some(lane)) => fate_in_lane(desired, lane, member.program),
        // Its lane could not be started whole.
        (Some(_), None) => Fate::Dies,
        (None, _) if desired.has_place(member.key) => Fate::Stays,
        (None, _) => dismissed(member),
    };
    desired.ending.map_or(own, |ending| own.max(fate_at_end(ending, seen, member)))
}

/// Returns the fate of a process that nothing needs any more. One that is not ready (a zygote that
/// compiles, a one-shot) has nothing to finish, and may read its orders only later.
const fn dismissed(member: &Member<'_>) -> Fate {
    if member.ready { Fate::Leaves } else { Fate::Dies }
}

fn fate_in_lane(desired: &Desired, lane: &Lane, program: Program) -> Fate {
    match lane.state {
        LaneState::Starting | LaneState::Live => Fate::Stays,
        LaneState::Draining(until_ms) | LaneState::Dying(until_ms) if until_ms <= desired.now_ms => Fate::Dies,
        // The next accept must know of it before it drains.
        LaneState::Draining(_) if !desired.drains => Fate::Stays,
        LaneState::Draining(_) => Fate::Leaves,
        // parse responds as it still can, by way of tls too. With a suspect it is not known yet
        // which stage crashed:
        // those that are left exit by themselves and show it.
        LaneState::Dying(_) if lane.suspect.is_some() || is_front(program) => Fate::Stays,
        LaneState::Dying(_) => Fate::Dies,
    }
}

const fn is_front(program: Program) -> bool {
    matches!(program, Program::Parse | Program::ParseH2 | Program::Tls)
}

/// Returns the fate of a process at the end of an edge: accept goes first, as nothing new must
/// come, then the lanes, then what served them, last the logger, which reads every pipe to its end.
fn fate_at_end(ending: Ending, seen: &Seen<'_>, member: &Member<'_>) -> Fate {
    let is_log = member.program == Program::Log;
    if ending == Ending::Now && !is_log {
        return Fate::Dies;
    }
    let is_zygote = member.program == Program::WafFilter && member.lane.is_none();
    if seen.has(Program::Accept) {
        return if member.program == Program::Accept { Fate::Leaves } else { Fate::Stays };
    }
    match seen.lanes.is_empty() {
        false if is_zygote => dismissed(member),
        false => Fate::Stays,
        true if !is_log => dismissed(member),
        true if seen.members.iter().all(|other| other.program == Program::Log) => Fate::Leaves,
        true => Fate::Stays,
    }
}

/// Adds what is missing and may be started now.
fn starts(desired: &Desired, seen: &Seen<'_>, actions: &mut Vec<Action>) {
    for place in desired.places.iter().filter(|place| place.holder.is_none()) {
        let program = place.program;
        let is_urgent = desired.is_urgent && matches!(program, Program::WafFilter | Program::Accept);
        // Two loggers must not read one pipe, nor two of the others write one page.
        let is_alone = matches!(
            program,
            Program::Log | Program::Prober | Program::Resolve | Program::Status | Program::Cache | Program::Acme
        );
        if (is_urgent || seen.may_start(program)) && !(is_alone && seen.has(program)) {
            actions.push(Action::Start(program));
        }
    }
    let may_start = |program| desired.is_urgent || seen.may_start(program);
    let bound = desired.bound.iter().filter(|(_, program)| may_start(*program));
    actions.extend(bound.map(|(number, _)| Action::StartBound(*number)));
    let stages = [
        Program::Parse,
        Program::WafFilter,
        Program::Dispatch,
        Program::Encode,
        Program::Connect,
        Program::Tls,
        Program::Keys,
        Program::ParseH2,
        Program::ConnectTls,
        Program::DispatchH2,
    ];
    if desired.is_urgent || stages.into_iter().all(|program| seen.may_start(program)) {
        let missing = seen.lanes.missing_cores(desired.cores.clone(), desired.generation);
        actions.extend(missing.into_iter().map(Action::StartLane));
    }
    if desired.encodes {
        actions.extend(lacking(desired, seen, Program::Encode).map(Action::StartEncode));
    }
    if let Some(set) = desired.set {
        actions.extend(lacking_keys(desired, seen, set).map(Action::StartKeys));
    }
    for program in &desired.beside {
        actions.extend(lacking(desired, seen, *program).map(|lane| Action::StartBeside(lane, *program)));
    }
}

/// Returns the lanes that have to be given another process of a program, without which they go on.
fn lacking(desired: &Desired, seen: &Seen<'_>, program: Program) -> impl Iterator<Item = u32> {
    let has_one =
        |lane: &Lane| seen.members.iter().any(|member| member.program == program && member.lane == Some(lane.number));
    let of_generation = |lane: &Lane| lane.state == LaneState::Live && lane.generation == desired.generation;
    let is_lacking = |lane: &&Lane| of_generation(lane) && !lane.is_torn && !has_one(lane) && seen.may_start(program);
    seen.lanes.iter().filter(is_lacking).map(|lane| lane.number).collect::<Vec<_>>().into_iter()
}

/// Returns the lanes that have to be given a keys: those that have none, or one of another set. One
/// that leaves is waited for where another serves, so that a lane never has more than two.
fn lacking_keys(desired: &Desired, seen: &Seen<'_>, set: u32) -> impl Iterator<Item = u32> {
    let keys_of = |lane: u32| {
        seen.members.iter().filter(move |member| member.program == Program::Keys && member.lane == Some(lane))
    };
    let is_lacking = |lane: &&Lane| {
        let stay = keys_of(lane.number).filter(|member| !member.leaving).count();
        let leave = keys_of(lane.number).count() - stay;
        stay == 0 || lane.set != set && leave == 0
    };
    let of_generation =
        |lane: &&Lane| lane.state == LaneState::Live && lane.generation == desired.generation && !lane.is_torn;
    let may_start = seen.may_start(Program::Keys);
    let lacking = seen.lanes.iter().filter(|_| may_start).filter(of_generation).filter(is_lacking);
    lacking.map(|lane| lane.number).collect::<Vec<_>>().into_iter()
}
