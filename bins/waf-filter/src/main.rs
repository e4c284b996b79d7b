//! fosse-waf-filter: evaluates requests and responses by rules.
//!
//! Reads request frames on fd 0, writes them (or a verdict in place of one) on fd 1, logs on fd 2,
//! audits on fd 9. Where a site has its responses inspected, reads response frames on fd 3 and
//! writes them on fd 4. It buffers bodies until they are evaluated, within the lane's memory for
//! that. A request that it cannot evaluate is denied.

#![forbid(unsafe_code)]

use fosse_lockdown::{Mode, enter};
use fosse_waf_filter::{PROGRAM, Rules, policy::POLICY, startup, zygote};

const USAGE: &str = "fosse-waf-filter [--rules FILE|DIR|builtin|engine|none]... < frames > frames";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mut args = fosse_args::Args::of_process(PROGRAM, USAGE);
    let (paths, is_zygote) = (args.values("--rules"), args.flag("--zygote"));
    args.end();
    // Every filter that a zygote forks comes back from there.
    let (mode, rules) = if is_zygote { zygote::run() } else { (Mode::from_environment(), None) };
    let inputs = startup::inputs();
    // Rules a person names are read with that person's rights; nothing has come from outside yet.
    let rules = rules.or_else(|| (!paths.is_empty()).then(|| Rules::or_die(Rules::read(&paths))));
    let locked = enter(&POLICY, mode);
    startup::run(inputs, rules, locked)
}
