//! The sums of what processes that have ended had counted outlive fosse-status, wherever it is
//! killed.

use std::os::fd::{AsFd as _, OwnedFd};

use fosse_counters::{Counters, ROWS_MAX, SUMS_BYTES, SUMS_LAST, Sums, parse};
use fosse_harness::{Stage, programs, wait_for};
use fosse_sys::{
    memfd,
    page::{Page, PageReader},
};
use fosse_wire::{launch::Program, start::ToChild};

/// The page of a parse with as many sites as there may be.
fn ended() -> OwnedFd {
    let fd = memfd::page("page", fosse_counters::page_bytes(ROWS_MAX)).unwrap();
    let counters = Counters::shared(Page::map(&fd).unwrap());
    counters.add(parse::REQUESTS, 7);
    for row in 0..ROWS_MAX {
        counters.name_row(row, &format!("{row}.example"));
        counters.count_status(row, 200);
        counters.count_aborted(row);
    }
    fd
}

/// Runs a fosse-status that goes on from these sums, and tells it that the process has ended.
fn tell(sums: &OwnedFd, ended: &OwnedFd) -> Stage {
    let stage = Stage::spawn(&programs().join("fosse-status"), None, vec![(10, sums.try_clone().unwrap())], "");
    stage.order(ToChild::PageEnd { program: Program::Parse as u8, number: 1, pid: 9 }, Some(ended.as_fd()));
    stage
}

/// Kills one (SIGKILL) in the middle of an addition, once it has added that row. Returns whether it
/// was: it may have been faster.
fn kill_at(row: usize, page: &OwnedFd, ended: &OwnedFd) -> bool {
    let (sums, last) = (Sums::new(Counters::shared(Page::map(page).unwrap())), PageReader::map(page).unwrap());
    let stage = tell(page, ended);
    // Nothing in between: it takes a few milliseconds for all of them.
    while sums.traffic(row).responses() == 0 {
        std::hint::spin_loop();
    }
    stage.kill();
    last.get(SUMS_LAST) == 0
}

#[test]
fn one_that_is_killed_in_the_middle_of_an_addition_is_gone_on_from() {
    let ended = ended();
    for row in [0, 1, ROWS_MAX / 2, ROWS_MAX - 100] {
        let page = wait_for("a kill in the middle", || {
            let page = memfd::page("sums", SUMS_BYTES).unwrap();
            kill_at(row, &page, &ended).then_some(page)
        });
        let _next = tell(&page, &ended);
        let last = PageReader::map(&page).unwrap();
        wait_for("the next one to add it", || (last.get(SUMS_LAST) == 1).then_some(()));
        let sums = Sums::new(Counters::shared(Page::map(&page).unwrap()));
        let all: Vec<_> = sums.cells().collect();
        assert_eq!(all.len(), ROWS_MAX + 1);
        for (cell, _, name) in all {
            let (traffic, requests) = (sums.traffic(cell), sums.get(cell, parse::REQUESTS - fosse_counters::FIRST));
            let is_right =
                if name == "parse" { requests == 7 } else { (traffic.responses(), traffic.aborted) == (1, 1) };
            assert!(is_right, "{name}: {traffic:?}");
        }
    }
}
