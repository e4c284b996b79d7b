//! Programs executed with the right descriptors, with too few, with wrong ones and with too many.
//! Each is this program, executed again with an argument that has it inherit.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Output};

use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES, STREAM, blob, counters, inherit};
use fosse_sys::memfd;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};

const TABLE: &[Expected] = &[
    Expected::required(0, STREAM, "frames in"),
    Expected::required(1, STREAM, "frames out"),
    Expected::optional(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(10, LINES, "access log"),
    Expected::required(23, MESSAGES, "requests to connect"),
];

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        return child();
    }
    a_program_gets_what_the_table_names_and_the_rest_is_closed();
    a_missing_descriptor_is_named();
    a_wrong_descriptor_is_named();
    a_configuration_comes_whole();
    a_configuration_that_is_not_sealed_or_of_another_shape_is_refused();
    println!("5 tests ok");
}

fn child() {
    let mut fds = inherit("fosse-test", TABLE);
    if let Some(program) = std::env::var_os("BLOB").map(|_| "fosse-test") {
        let locked = fosse_lockdown::enter(&fosse_lockdown::Policy::NOTHING, fosse_lockdown::Mode::Off);
        let value: (u32, String) = blob(program, &mut fds, 5).open(locked).read();
        eprintln!("{value:?}");
        return;
    }
    let counted = counters("fosse-test", &mut fds, 6);
    counted.add(fosse_counters::FIRST, 7);
    let connect = fds.required(23);
    assert!(fcntl_getfd(connect.as_fd()).unwrap().contains(FdFlags::CLOEXEC));
    let open: Vec<i32> = (3..1000).filter(|number| fosse_sys::fd::is_inherited(*number)).collect();
    eprintln!("{open:?} {}", fds.optional(10).is_some());
}

/// Runs this program with each descriptor on the number beside it.
fn run(given: &[(&OwnedFd, i32)], environment: &[(&str, &str)]) -> Output {
    // The shell moves descriptors without any unsafe. What it moves them from stays open, out of
    // the table's way.
    let mut moves = String::from("exec \"$0\" child");
    let high: Vec<OwnedFd> = given.iter().map(|(fd, _)| fcntl_dupfd_cloexec(fd, 200).unwrap()).collect();
    for (fd, (_, number)) in high.iter().zip(given) {
        fcntl_setfd(fd, FdFlags::empty()).unwrap();
        moves.push_str(&format!(" {number}>&{}", fd.as_raw_fd()));
    }
    let program = std::env::current_exe().unwrap();
    Command::new("/bin/bash").arg("-c").arg(moves).arg(program).envs(environment.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn seqpacket() -> OwnedFd {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap().0
}

fn a_program_gets_what_the_table_names_and_the_rest_is_closed() {
    let (page, extra, messages) = (memfd::page("p", 4096).unwrap(), memfd::page("x", 1).unwrap(), seqpacket());
    let output = run(&[(&page, 6), (&extra, 50), (&extra, 10), (&messages, 23)], &[]);
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), "[] true\n"));
    let reader = fosse_sys::page::PageReader::map(&page).unwrap();
    assert_eq!(reader.get(fosse_counters::FIRST), 7);
}

fn a_missing_descriptor_is_named() {
    let output = run(&[], &[]);
    assert_eq!(output.status.code(), Some(100));
    let expected = "fosse-test: fatal: fd 23 (requests to connect) is missing; it must be a unix seqpacket socket \
                    (fosse-start gives it)\n";
    assert_eq!(said(&output), expected);
}

fn a_wrong_descriptor_is_named() {
    let page = memfd::page("p", 4096).unwrap();
    let output = run(&[(&page, 23)], &[]);
    assert_eq!(output.status.code(), Some(100));
    let expected = "fosse-test: fatal: fd 23 (requests to connect) is a memfd; it must be a unix seqpacket socket\n";
    assert_eq!(said(&output), expected);
}

fn a_configuration_comes_whole() {
    let bytes = fosse_wire::blob::encode(&(9_u32, "nine")).unwrap();
    let (config, messages) = (memfd::sealed("c", &bytes).unwrap(), seqpacket());
    let output = run(&[(&config, 5), (&messages, 23)], &[("BLOB", "1")]);
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).ends_with("(9, \"nine\")\n"), "{}", said(&output));
}

fn a_configuration_that_is_not_sealed_or_of_another_shape_is_refused() {
    let messages = seqpacket();
    for (config, words) in [
        (memfd::page("c", 10).unwrap(), "configuration: not a memfd sealed"),
        (memfd::sealed("c", b"\xff").unwrap(), "configuration: configuration blob: "),
    ] {
        let output = run(&[(&config, 5), (&messages, 23)], &[("BLOB", "1")]);
        assert_eq!(output.status.code(), Some(100));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
}
