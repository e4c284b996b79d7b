//! The policies themselves, as data.

use std::collections::BTreeSet;

use fosse_canary::programs::ALL;
use fosse_lockdown::{Args, BASE, Row};

fn any(rows: &[Row]) -> BTreeSet<i64> {
    rows.iter().filter(|row| matches!(row.args, Args::Any)).map(|row| row.call.number).collect()
}

#[test]
fn no_row_repeats_what_every_program_may_do() {
    let base = any(BASE);
    let same =
        |one: &Row, other: &Row| one.call == other.call && format!("{:?}", one.args) == format!("{:?}", other.args);
    let mut repeated = Vec::new();
    for program in ALL {
        let rows = program.policy.syscalls.iter();
        let there = rows.filter(|row| base.contains(&row.call.number) || BASE.iter().any(|other| same(row, other)));
        repeated.extend(there.map(|row| format!("{} {}", program.policy.program, row.call.name)));
    }
    assert!(repeated.is_empty(), "in the base already: {repeated:?}");
}

#[test]
fn no_row_with_conditions_is_beside_one_without() {
    for program in ALL {
        let rows = program.policy.syscalls;
        for number in any(rows).into_iter().filter(|number| *number >= 0) {
            let of_it = rows.iter().filter(|row| row.call.number == number);
            assert_eq!(of_it.count(), 1, "{}: call {number}", program.policy.program);
        }
    }
}

#[test]
fn every_row_and_every_exception_says_why() {
    for program in ALL {
        let reasons = program.policy.syscalls.iter().map(|row| row.reason);
        let limits = program.policy.limits.iter().map(|limit| limit.reason);
        for reason in reasons.chain(limits).chain(program.exceptions.iter().map(|one| one.limit)) {
            assert!(reason.len() > 3, "{}: {reason:?}", program.policy.program);
        }
    }
}

#[test]
fn only_the_two_programs_whose_job_it_is_have_socket_and_connect() {
    // The one goes to servers, the other to name servers.
    for program in ALL.iter().filter(|program| !["connect", "resolve"].contains(&program.name())) {
        for row in program.policy.syscalls {
            assert!(!["socket", "connect"].contains(&row.call.name), "{}", program.policy.program);
        }
        assert!(program.policy.reach.is_empty(), "{}", program.policy.program);
    }
}

#[test]
fn no_program_has_the_calls_that_no_condition_makes_safe() {
    const NEVER: &[&str] = &[
        "bind",
        "listen",
        "execve",
        "ptrace",
        "mount",
        "openat",
        "open",
        "memfd_create",
        "setns",
        "unshare",
        "prctl",
        "kill",
        "sendmmsg",
        "socketpair",
        "clone3",
    ];
    // socketpair: both ends of it are its own (AF_UNIX, by a condition); one is for a process that
    // serves files, for a front or a dispatch, which gets the plaintext of a client or a server
    // over it, or for an exchange with a server of HTTP/2. bind: of addresses that connections
    // come from (IPv4 and IPv6, by the length); Landlock leaves it those without a port, and it
    // has no listen.
    const JOBS: &[(&str, &str)] = &[
        ("fosse-connect", "socketpair"),
        ("fosse-connect", "bind"),
        ("fosse-connect-tls", "socketpair"),
        ("fosse-dispatch-h2", "socketpair"),
        ("fosse-tls", "socketpair"),
    ];
    for program in ALL {
        for row in program.policy.syscalls.iter().filter(|row| !matches!(row.args, Args::Refuse(_))) {
            let (name, call) = (program.policy.program, row.call.name);
            let is_job = JOBS.contains(&(name, call)) && matches!(row.args, Args::All([_, ..]));
            assert!(is_job || !NEVER.contains(&call), "{name}: {call}");
        }
    }
}
