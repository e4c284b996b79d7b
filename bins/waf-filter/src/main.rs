//! fosse-waf-filter: judges requests.
//!
//! Reads request frames on fd 0, writes them (or a verdict in place of one) on fd 1, logs on fd 2, audits on fd 9. It keeps the
//! bodies it holds until they are judged, within the lane's memory for that. A request it cannot judge is denied.

#![forbid(unsafe_code)]

use fosse_lockdown::{Mode, enter};
use fosse_waf_filter::{PROGRAM, policy::POLICY, rules::Rules, serve, template};

const USAGE: &str = "fosse-waf-filter [--rules FILE|DIR|builtin|engine|none]... < frames > frames";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mut args = fosse_args::Args::of_process(PROGRAM, USAGE);
    let (paths, is_template) = (args.values("--rules"), args.flag("--template"));
    args.end();
    // Every instance of a template comes back from there.
    let (mode, rules) = if is_template { template::run() } else { (Mode::from_environment(), None) };
    let inputs = serve::inputs();
    // Rules a person names are read with that person's rights; nothing has come from outside yet.
    let rules = rules.or_else(|| (!paths.is_empty()).then(|| Rules::or_die(Rules::read(&paths))));
    let locked = enter(&POLICY, mode);
    serve::run(inputs, rules, locked)
}
