//! A site's exclusions as SecLang. Every text that goes in is of bytes that mean themselves there
//! (see [`crate::names`]).

use std::fmt::Write;

use crate::model::{Exclude, Site};
use crate::names::{RuleRange, RuleTag};

/// Numbers of the rules made here: a range no published rule set uses (99,000,000 and up is free
/// for local use).
const RULE_NUMBER_FIRST: usize = 99_000_000;

/// Returns SecLang for all exclusions of a site. Those for a path are rules that look at each
/// request, and come before the others; the rest changes rules that have been read, and comes after
/// them.
pub(crate) fn seclang(site: &Site) -> String {
    let (mut before, mut after) = (String::new(), String::new());
    // An index is far below what is left of the range: the key takes 1000 entries.
    for (index, exclude) in site.exclude.iter().enumerate() {
        match &exclude.path.value {
            Some(prefix) => for_path(&mut before, RULE_NUMBER_FIRST + index, prefix.bare(), exclude),
            None => everywhere(&mut after, exclude),
        }
    }
    fosse_bundle::join_exclusions(&before, &after)
}

fn everywhere(out: &mut String, exclude: &Exclude) {
    let argument = exclude.argument.as_ref();
    for range in exclude.rules.iter() {
        let range = written(range);
        let _ = match argument {
            Some(name) => writeln!(out, "SecRuleUpdateTargetById {range} \"!ARGS:{}\"", name.0),
            None => writeln!(out, "SecRuleRemoveById {range}"),
        };
    }
    if let Some(tag) = &exclude.tag.value {
        let tag = whole(tag);
        let _ = match argument {
            Some(name) => writeln!(out, "SecRuleUpdateTargetByTag \"{tag}\" \"!ARGS:{}\"", name.0),
            None => writeln!(out, "SecRuleRemoveByTag \"{tag}\""),
        };
    }
}

fn for_path(out: &mut String, number: usize, prefix: &str, exclude: &Exclude) {
    let argument = exclude.argument.as_ref();
    let mut controls = String::new();
    for range in exclude.rules.iter() {
        let range = written(range);
        let _ = match argument {
            Some(name) => write!(controls, ",ctl:ruleRemoveTargetById={range};ARGS:{}", name.0),
            None => write!(controls, ",ctl:ruleRemoveById={range}"),
        };
    }
    if let Some(tag) = &exclude.tag.value {
        let tag = whole(tag);
        let _ = match argument {
            Some(name) => write!(controls, ",ctl:ruleRemoveTargetByTag={tag};ARGS:{}", name.0),
            None => write!(controls, ",ctl:ruleRemoveByTag={tag}"),
        };
    }
    // The same boundary as a route's: the path itself, or what follows its next slash.
    let pattern = if prefix == "/" { "^/".to_owned() } else { format!("^{}(?:/|$)", regex_escape(prefix)) };
    let _ = writeln!(out, "SecRule REQUEST_FILENAME \"@rx {pattern}\" \"id:{number},phase:1,pass,nolog{controls}\"");
}

/// Returns a pattern that matches the tag, and none that it is a part of.
fn whole(tag: &RuleTag) -> String {
    format!("^{}$", regex_escape(&tag.0))
}

fn regex_escape(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if ".+()[]{}^$|".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn written(range: &RuleRange) -> String {
    if range.first == range.last { range.first.to_string() } else { format!("{}-{}", range.first, range.last) }
}
