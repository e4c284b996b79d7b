//! Rules of one file, compiled.

use fosse_seclang::{Bundle, Ruleset};

pub(crate) fn compile(rules: &str) -> Ruleset {
    let mut bundle = Bundle::new();
    bundle.insert("rules.conf", rules);
    Ruleset::compile(&bundle, "rules.conf").unwrap_or_else(|errors| panic!("{}", errors[0]))
}
