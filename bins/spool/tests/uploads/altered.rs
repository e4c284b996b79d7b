//! A file that somebody changes while bodies lie in it, as a spool that has been taken over could.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::FileExt as _,
};

use fosse_harness::{Edge, is_root, wait_for};

use crate::app::{App, MIB, begin_for, pattern, response_if_any, small_memory, status, wait_for_bodies};

/// Opens the file of the spool, which has no name; `None` where that takes root.
fn file(edge: &Edge) -> Option<File> {
    if !is_root() {
        println!("skipped: only root can change the file");
        return None;
    }
    let path = format!("/proc/{}/fd/8", edge.process("spool").pid);
    Some(OpenOptions::new().read(true).write(true).open(path).unwrap())
}

/// Changes one byte of the only body, at that place of it.
fn change(file: &File, at: usize) {
    let (mut byte, at) = ([0], u64::try_from(at).unwrap());
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn a_body_that_was_changed_in_the_file_is_not_evaluated_and_reaches_nobody() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    let Some(file) = file(&edge) else { return };
    let mut upload = begin_for("/f", 1, &edge, 3 * MIB, 2 * MIB);
    wait_for_bodies(&edge, 1);
    wait_for("its first half", || (edge.counter("spool", "written_bytes") >= MIB as u64).then_some(()));
    change(&file, 300_000);
    upload.write_all(&pattern(0, 3 * MIB)[2 * MIB..]).unwrap();
    let response = response_if_any(upload);
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}\n{}", edge.log());
    edge.wait_for_log("event=spool-altered request=");
    wait_for_bodies(&edge, 0);
    assert_eq!((app.requests(), status(&edge, "/")), (0, 200));
}

#[test]
fn a_body_that_was_changed_after_its_evaluation_never_arrives_whole() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    let Some(file) = file(&edge) else { return };
    let gate = app.shut_gate();
    let upload = begin_for("/late", 1, &edge, 3 * MIB, 3 * MIB);
    wait_for("the request at the server", || (app.requests() == 1).then_some(()));
    change(&file, 3 * MIB - 1);
    drop(gate);
    let response = response_if_any(upload);
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}\n{}", edge.log());
    edge.wait_for_log("event=spool-altered request=");
    wait_for_bodies(&edge, 0);
    assert_eq!(status(&edge, "/"), 200);
}
