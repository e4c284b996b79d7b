//! fosse-fuzz: drives every fuzz target of the suite with mutated inputs, and keeps the inputs that broke a promise.
//!
//! Reads nothing but its options (and `--corpus`); writes findings to a directory and one line a target to fd 1. Each target runs in a
//! process of its own, so that one that dies or hangs says which input it was. A development tool: no lock-down.

#![forbid(unsafe_code)]

use fosse_fuzz::{PROGRAM, inside, options::Options, parent, targets};

fn main() {
    let options = Options::of_process();
    if options.list {
        targets::ALL.iter().for_each(|target| println!("{}", target.name));
    } else if let Some(file) = &options.replay {
        inside::replay(options.only_target(), file);
    } else if options.inside {
        inside::run(options.only_target(), &options);
    } else if !parent::run(&options) {
        fosse_die::alert(PROGRAM, "promises are broken");
        std::process::exit(1);
    }
}
