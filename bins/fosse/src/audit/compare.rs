//! Compares processes with what is expected of them: every difference is one line.

use super::expected::{
    Expected, FORK_SERVER_CAPABILITIES, Most, PASSING, PROGRAMS, Place, START_CAPABILITIES, Scheduled, ZYGOTE,
};
use super::kernel::{Kind, NAMESPACES, Seen};

/// Policies, by their numbers (sched(7)).
const SCHED_OTHER: u32 = 0;
const SCHED_BATCH: u32 = 3;
/// The nice value that fosse-start gives to a quiet program.
const QUIET_NICE: i32 = -10;
/// The nice value that it gives to one that computes for long.
const BACKGROUND_NICE: i32 = 10;

/// The role of a process, by its parent and the file it was executed from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// fosse-start itself.
    Start,
    /// The fork server, which makes the others: fosse-start's file, start's child.
    ForkServer,
    /// A filter that forks filters: it holds no end of the lane's pipeline, so that nothing from
    /// outside comes to it.
    Zygote,
    /// A program that stays.
    Program(&'static Expected),
    /// A program that comes and goes.
    Passing,
    /// None that belongs to an edge.
    Stranger,
}

/// Returns the role of a process in the edge of `start`.
#[must_use]
pub(crate) fn role(seen: &Seen, start: &Seen) -> Role {
    if seen.pid == start.pid {
        return Role::Start;
    }
    if seen.name == start.name && seen.parent == start.pid {
        return Role::ForkServer;
    }
    if seen.name == ZYGOTE.name && seen.parent == start.pid && !holds_pipeline(seen, start) {
        return Role::Zygote;
    }
    if PASSING.contains(&seen.name.as_str()) {
        return Role::Passing;
    }
    PROGRAMS.iter().find(|expected| expected.name == seen.name).map_or(Role::Stranger, Role::Program)
}

/// Returns the differences of one process. `start` is the fosse-start it belongs to, in the host's
/// namespaces and with the edge's user.
#[must_use]
pub(crate) fn differences(seen: &Seen, start: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let privileged = start.uids.get(1) == Some(&0);
    match role(seen, start) {
        Role::Start => {
            filters(seen, seen.filters.max(1), &mut found);
            capabilities(seen, if privileged { START_CAPABILITIES } else { 0 }, privileged, &mut found);
        }
        Role::ForkServer => {
            filters(seen, start.filters, &mut found);
            capabilities(seen, if privileged { FORK_SERVER_CAPABILITIES } else { 0 }, privileged, &mut found);
            namespaces(seen, start, if privileged { Place::Namespaces } else { Place::Host }, &mut found);
        }
        Role::Zygote => {
            filters(seen, start.filters, &mut found);
            capabilities(seen, if privileged { FORK_SERVER_CAPABILITIES } else { 0 }, privileged, &mut found);
            namespaces(seen, start, if privileged { Place::Namespaces } else { Place::Host }, &mut found);
            descriptors(seen, &ZYGOTE, &mut found);
        }
        Role::Program(expected) => {
            layers(seen, start, (privileged, expected.shares_group), &mut found);
            namespaces(seen, start, if privileged { expected.place } else { Place::Host }, &mut found);
            descriptors(seen, expected, &mut found);
            scheduling(seen, start, expected.scheduled, &mut found);
        }
        Role::Passing => layers(seen, start, (privileged, false), &mut found),
        Role::Stranger => found.push(format!("no program of an edge: {}", seen.name)),
    }
    found
}

/// Returns what of a process this user may not read: that is unknown, and differs from nothing.
#[must_use]
pub(crate) fn unknown(seen: &Seen) -> Vec<&'static str> {
    let namespaces = seen.namespaces.is_none().then_some("namespaces");
    namespaces.into_iter().chain(seen.fds.is_none().then_some("descriptors")).collect()
}

/// Returns whether a process holds an end of a lane's pipeline; a stream as descriptor 2 is the
/// journal that start writes to.
fn holds_pipeline(seen: &Seen, start: &Seen) -> bool {
    let is_end = |(number, kind): &(u32, Kind)| *kind == Kind::UnixStream && *number != 2;
    // Where descriptors cannot be read the number of filters tells: none that a program has added.
    seen.fds.as_ref().map_or(seen.filters > start.filters, |fds| fds.iter().any(is_end))
}

fn layers(seen: &Seen, start: &Seen, (privileged, shares_group): (bool, bool), found: &mut Vec<String>) {
    let mut expect = |holds: bool, what: String| {
        if !holds {
            found.push(what);
        }
    };
    let (uid, gid) = (seen.uids.first().copied().unwrap_or(0), seen.gids.first().copied().unwrap_or(0));
    expect(seen.uids.len() == 4 && seen.uids.iter().all(|one| *one == uid), format!("UIDs differ: {:?}", seen.uids));
    expect(seen.gids.len() == 4 && seen.gids.iter().all(|one| *one == gid), format!("GIDs differ: {:?}", seen.gids));
    if privileged {
        expect(uid != 0 && gid != 0, format!("root's: UID {uid}, GID {gid}"));
        expect(uid == gid || shares_group, format!("UID {uid} is not its GID {gid}"));
        expect(seen.groups.is_empty(), format!("groups are left: {:?}", seen.groups));
    } else {
        expect(start.uids.first() == Some(&uid), format!("UID {uid} is not that of fosse-start"));
    }
    expect(!seen.dumpable, "memory is open to ptrace and core dumps (dumpable)".to_owned());
    expect(seen.threads == 1, format!("{} threads, not 1", seen.threads));
    expect(seen.parent == start.pid, format!("its parent is {}, not fosse-start", seen.parent));
    filters(seen, start.filters + 1, found);
    capabilities(seen, 0, privileged, found);
}

/// Compares seccomp, and no_new_privs, which it needs. start and the fork server have one filter,
/// and those of a supervisor or a container; everything they start inherits these, and a program
/// adds its own.
fn filters(seen: &Seen, count: u32, found: &mut Vec<String>) {
    if seen.no_new_privs != 1 {
        found.push("no_new_privs is off".to_owned());
    }
    match seen.seccomp {
        2 if seen.filters == count => {}
        2 => found.push(format!("{} seccomp filters, not {count}", seen.filters)),
        _ => found.push("seccomp is off".to_owned()),
    }
}

/// Compares the capability sets: none may hold more than `most`. An ordinary user cannot empty the
/// bounding set.
fn capabilities(seen: &Seen, most: u64, privileged: bool, found: &mut Vec<String>) {
    let names = ["inheritable", "permitted", "effective", "bounding", "ambient"];
    for (name, set) in names.into_iter().zip(seen.capabilities) {
        let counts = privileged || name != "bounding";
        if counts && set & !most != 0 {
            found.push(format!("capabilities: {name} {:#x} beyond what it may have", set & !most));
        }
    }
}

fn namespaces(seen: &Seen, start: &Seen, place: Place, found: &mut Vec<String>) {
    let (Some(own), Some(host)) = (&seen.namespaces, &start.namespaces) else {
        return;
    };
    for ((name, own), host) in NAMESPACES.into_iter().zip(own).zip(host) {
        match (place, own == host) {
            (Place::Namespaces, true) => found.push(format!("in the host's {name} namespace")),
            (Place::Host, false) => found.push(format!("in another {name} namespace than fosse-start")),
            _ => {}
        }
    }
}

/// Compares policy and nice value. Those of fosse-start are right for each: a configuration may say
/// that its children inherit them.
fn scheduling(seen: &Seen, start: &Seen, scheduled: Scheduled, found: &mut Vec<String>) {
    let by_load = match (seen.policy, seen.nice) {
        (SCHED_OTHER, QUIET_NICE | 0) => matches!(scheduled, Scheduled::ByLoad | Scheduled::ByLoadOrBatch),
        (SCHED_BATCH, BACKGROUND_NICE) => scheduled == Scheduled::Background,
        (SCHED_BATCH, 0) => scheduled == Scheduled::ByLoadOrBatch,
        _ => false,
    };
    if !by_load && (seen.policy, seen.nice) != (start.policy, start.nice) {
        found.push(format!("scheduled as {}, which nobody but fosse-start sets", policy(seen)));
    }
}

/// Returns policy and nice value for people.
#[must_use]
pub(crate) fn policy(seen: &Seen) -> String {
    let policy = match seen.policy {
        SCHED_OTHER => "other",
        1 => "fifo",
        2 => "rr",
        SCHED_BATCH => "batch",
        5 => "idle",
        6 => "deadline",
        _ => "unknown",
    };
    if seen.nice == 0 { policy.to_owned() } else { format!("{policy}{:+}", seen.nice) }
}

fn descriptors(seen: &Seen, expected: &Expected, found: &mut Vec<String>) {
    let Some(fds) = &seen.fds else {
        return;
    };
    for (kind, numbers) in by_kind(fds) {
        if let Most::Of(most) = expected.most(kind)
            && numbers.len() > most
        {
            let reasons = expected.reasons(kind);
            let allowed = if most == 0 { "none is expected".to_owned() } else { format!("at most {most}: {reasons}") };
            found.push(format!("{} {} descriptors ({allowed}): {numbers:?}", numbers.len(), kind.word()));
        }
    }
}

/// Returns descriptors by kind, in the order of the kinds.
#[must_use]
pub(crate) fn by_kind(fds: &[(u32, Kind)]) -> std::collections::BTreeMap<Kind, Vec<u32>> {
    let mut all: std::collections::BTreeMap<Kind, Vec<u32>> = std::collections::BTreeMap::new();
    for (number, kind) in fds {
        all.entry(*kind).or_default().push(*number);
    }
    all
}

/// Returns the processes that share a UID, which in an edge of root none may: neither with each
/// other, nor with any of `others`, which are no part of the edge.
#[must_use]
pub(crate) fn shared_uids(all: &[Seen], others: &[Seen], start: &Seen) -> Vec<String> {
    if start.uids.first() != Some(&0) {
        return Vec::new();
    }
    let mut seen: std::collections::BTreeMap<u32, &Seen> = std::collections::BTreeMap::new();
    let mut found = Vec::new();
    for process in all.iter().filter(|one| matches!(role(one, start), Role::Program(_) | Role::Passing)) {
        let Some(uid) = process.uids.first() else { continue };
        for other in others.iter().filter(|other| other.uids.contains(uid)) {
            let (name, pid) = (&other.name, other.pid);
            found.push(format!(
                "UID {uid} is shared by {} {} and {name} {pid}, of no part of this edge",
                process.name, process.pid
            ));
        }
        if let Some(other) = seen.insert(*uid, process) {
            found.push(format!(
                "UID {uid} is shared by {} {} and {} {}",
                other.name, other.pid, process.name, process.pid
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Seen {
        let host = ["net:[1]", "mnt:[1]", "ipc:[1]"].map(str::to_owned);
        Seen {
            pid: 10,
            name: "fosse-start".into(),
            uids: vec![0; 4],
            gids: vec![0; 4],
            capabilities: [0, START_CAPABILITIES, START_CAPABILITIES, START_CAPABILITIES, 0],
            namespaces: Some(host),
            threads: 1,
            no_new_privs: 1,
            seccomp: 2,
            filters: 1,
            ..Seen::default()
        }
    }

    fn parse() -> Seen {
        let own = ["net:[2]", "mnt:[2]", "ipc:[2]"].map(str::to_owned);
        Seen {
            pid: 12,
            parent: 10,
            name: "fosse-parse".into(),
            uids: vec![70_001; 4],
            gids: vec![70_001; 4],
            no_new_privs: 1,
            seccomp: 2,
            filters: 2,
            threads: 1,
            namespaces: Some(own),
            fds: Some(vec![
                (0, Kind::UnixStream),
                (1, Kind::UnixStream),
                (2, Kind::Pipe),
                (3, Kind::Epoll),
                (9, Kind::Tcp),
            ]),
            ..Seen::default()
        }
    }

    #[test]
    fn a_process_as_it_should_be_differs_in_nothing() {
        assert_eq!(differences(&parse(), &start()), Vec::<String>::new());
        assert_eq!(differences(&start(), &start()), Vec::<String>::new());
    }

    #[test]
    fn every_wall_that_is_down_is_one_difference() {
        type Change = fn(&mut Seen);
        let changes: [(Change, &str); 18] = [
            (|s| s.uids = vec![0; 4], "root's"),
            (|s| s.uids = vec![70_001, 0, 70_001, 70_001], "UIDs differ"),
            (|s| s.gids = vec![70_001, 70_001, 5, 70_001], "GIDs differ"),
            (|s| s.groups = vec![27], "groups are left"),
            (|s| s.capabilities[3] = 1, "bounding"),
            (|s| s.capabilities[4] = 1 << 40, "ambient"),
            (|s| s.no_new_privs = 0, "no_new_privs"),
            (|s| s.seccomp = 0, "seccomp is off"),
            (|s| s.filters = 1, "1 seccomp filters, not 2"),
            (|s| s.dumpable = true, "dumpable"),
            (|s| s.threads = 2, "2 threads"),
            (|s| s.parent = 1, "its parent is 1"),
            (|s| s.namespaces.as_mut().unwrap()[0] = "net:[1]".into(), "host's net"),
            (
                |s| s.fds.as_mut().unwrap().push((20, Kind::TcpListener)),
                "1 tcp-listener descriptors (none is expected): [20]",
            ),
            (|s| s.policy = 1, "scheduled as fifo"),
            (|s| s.nice = -20, "scheduled as other-20"),
            (|s| (s.policy, s.nice) = (3, -10), "scheduled as batch-10"),
            (|s| s.name = "sh".into(), "no program of an edge: sh"),
        ];
        for (change, expected) in changes {
            let mut process = parse();
            change(&mut process);
            let found = differences(&process, &start());
            assert!(found.iter().any(|line| line.contains(expected)), "{expected}: {found:?}");
        }
    }

    #[test]
    fn a_program_is_scheduled_by_its_load_or_as_start_is() {
        let scheduled = |policy, nice, start: (u32, i32)| {
            let (mut one, mut from) = (parse(), self::start());
            (one.policy, one.nice) = (policy, nice);
            (from.policy, from.nice) = start;
            differences(&one, &from).is_empty()
        };
        assert!(scheduled(0, -10, (0, 0)) && scheduled(0, 0, (3, 5)) && scheduled(3, 0, (0, 0)));
        assert!(scheduled(5, 7, (5, 7)) && !scheduled(5, 7, (5, 8)));
    }

    #[test]
    fn start_may_not_keep_more_than_making_processes_and_listeners_need() {
        let mut loose = start();
        loose.capabilities[2] |= 1 << 21;
        loose.seccomp = 0;
        assert_eq!(differences(&loose, &start()).len(), 2);
    }

    #[test]
    fn filters_around_the_edge_take_nothing_from_those_inside() {
        let (mut start, mut parse) = (start(), parse());
        start.filters = 20;
        parse.filters = 21;
        assert!(differences(&start, &start).is_empty() && differences(&parse, &start).is_empty());
        parse.filters = 20;
        assert_eq!(differences(&parse, &start), ["20 seccomp filters, not 21"]);
        start.filters = 0;
        assert_eq!(differences(&start, &start), ["0 seccomp filters, not 1"]);
    }

    #[test]
    fn a_zygote_is_one_only_as_long_as_it_holds_no_end_of_the_ring() {
        let fds = vec![(0, Kind::Null), (1, Kind::Null), (2, Kind::UnixStream), (7, Kind::UnixSeqpacket)];
        let capabilities = [0, FORK_SERVER_CAPABILITIES, FORK_SERVER_CAPABILITIES, FORK_SERVER_CAPABILITIES, 0];
        let root = (vec![0; 4], vec![0; 4]);
        let name = "fosse-waf-filter".into();
        let mut seen = Seen { name, filters: 1, capabilities, uids: root.0, gids: root.1, fds: Some(fds), ..parse() };
        assert_eq!(differences(&seen, &start()), Vec::<String>::new());
        seen.fds.as_mut().unwrap().push((8, Kind::UnixStream));
        assert!(differences(&seen, &start()).iter().any(|one| one.contains("root's")));
    }

    #[test]
    fn two_processes_of_one_uid_are_told() {
        let (one, mut two) = (parse(), parse());
        two.pid = 13;
        assert_eq!(shared_uids(&[start(), one.clone(), two], &[], &start()).len(), 1);
        let other = Seen { pid: 99, name: "sleep".into(), ..one.clone() };
        assert!(shared_uids(std::slice::from_ref(&one), &[start()], &start()).is_empty());
        let found = shared_uids(&[one], &[other], &start());
        assert_eq!(found, ["UID 70001 is shared by fosse-parse 12 and sleep 99, of no part of this edge"]);
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_differs_from_nothing() {
        let mut hidden = parse();
        (hidden.namespaces, hidden.fds) = (None, None);
        assert_eq!((differences(&hidden, &start()), unknown(&hidden)), (Vec::new(), vec!["namespaces", "descriptors"]));
        assert!(unknown(&parse()).is_empty());
    }
}
