//! fosse-waf-filter: evaluates requests and responses by rules.
//!
//! Reads request frames on fd 0, writes them (or a verdict in place of one) on fd 1, logs on fd 2,
//! audits on fd 9. Where a site has its responses inspected, reads response frames on fd 3 and
//! writes them on fd 4, or on fd 11 where they are to be encoded, with credit for those on fd 10.
//! It buffers bodies until they are evaluated, within the lane's memory for that. A request that it
//! cannot evaluate is denied.

#![forbid(unsafe_code)]

use fosse_service::{Spec, Startup};
use fosse_waf_filter::{descriptors::DESCRIPTORS, policy::POLICY, startup, usage, zygote};

const SPEC: Spec = Spec { usage: &usage::USAGE, policy: &POLICY, descriptors: DESCRIPTORS, lingers: true };

fn main() {
    let startup = Startup::of_process(&SPEC);
    let (paths, is_zygote) = (startup.args.values(usage::RULES.name).to_vec(), startup.args.has(usage::ZYGOTE.name));
    // Every filter that a zygote forks comes back from there.
    let (startup, rules) = if is_zygote { zygote::run(startup) } else { (startup, None) };
    startup::run(startup.inherit(), rules, &paths)
}
