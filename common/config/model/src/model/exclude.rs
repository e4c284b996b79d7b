//! Rules that leave parts of a site alone.

use crate::names::{ArgumentName, PathPrefix, RuleRange, RuleTag};
use crate::section::Presence::{Absent, Default};
use crate::section::{At, section};

section! {
    /// Rules, by number or by tag, that leave something alone: a part of the paths, an argument, or
    /// the whole site.
    Exclude "[[site.exclude]]" {
        /// Numbers of the rules: "942100", or "942100-942190".
        rules: Vec<At<RuleRange>>, Default("[]"), 0..=100;
        /// A tag of the rules, such as "attack-sqli".
        tag: Option<RuleTag>, Absent("rules are chosen by number");
        /// Only for this path and everything below it.
        path: Option<PathPrefix>, Absent("for all paths");
        /// Only this argument, by name; the rules still look at everything else.
        argument: Option<ArgumentName>, Absent("the rules do not apply at all");
    }
}
