//! SecRuleRemove* and SecRuleUpdate*: changes to the rules read so far.

use super::{Compiler, Draft, DraftRule, Fault};
use crate::action::{Actions, regex};
use crate::pick::Pick;
use crate::reader::{Argument, Directive};
use crate::target::{self, Selector, Target, Targets};

impl Compiler<'_> {
    pub(super) fn change(&mut self, name: &str, directive: &Directive) -> Result<(), Fault> {
        let at = directive.name.offset(0);
        match (name, directive.arguments.as_slice()) {
            ("secruleremovebyid", [_, ..]) => directive.arguments.iter().try_for_each(|word| {
                self.remove(&Pick::ids(word)?);
                Ok(())
            }),
            ("secruleremovebytag", [word]) => {
                self.remove(&Pick::Tag(regex(word)?));
                Ok(())
            }
            ("secruleremovebymsg", [word]) => {
                self.remove(&Pick::Message(regex(word)?));
                Ok(())
            }
            ("secruleupdatetargetbyid", [word, rest @ ..]) => self.update_targets(&Pick::ids(word)?, rest, at),
            ("secruleupdatetargetbytag", [word, rest @ ..]) => self.update_targets(&Pick::Tag(regex(word)?), rest, at),
            ("secruleupdatetargetbymsg", [word, rest @ ..]) => {
                self.update_targets(&Pick::Message(regex(word)?), rest, at)
            }
            ("secruleupdateactionbyid", [word, actions]) => self.update_actions(word, actions),
            (known, _) if KNOWN.contains(&known) => {
                Err((at, "expected the rules and, for an update, what to change".to_owned()))
            }
            _ => Err((
                at,
                format!("unknown directive `{}`; expected SecRuleRemoveById or another", directive.name.text()),
            )),
        }
    }

    fn remove(&mut self, pick: &Pick) {
        let gone: Vec<bool> = self.drafts.iter().map(|draft| picked(draft, pick)).collect();
        for draft in &mut self.drafts {
            let starter = match draft {
                Draft::Rule(rule) => rule.starter,
                _ => continue,
            };
            if gone[starter] {
                *draft = Draft::Removed;
            }
        }
    }

    fn update_targets(&mut self, pick: &Pick, words: &[Argument], at: u32) -> Result<(), Fault> {
        let (list, replaced) = match words {
            [list] => (list, None),
            [list, replaced] => (list, Some(replaced)),
            _ => return Err((at, "expected the rules and the targets to add or, after `!`, to take out".to_owned())),
        };
        let update = target::parse(list, &mut self.names)?;
        let replaced = replaced.map(|word| target::parse(word, &mut self.names)).transpose()?;
        for draft in self.drafts.iter_mut().filter(|draft| picked(draft, pick)) {
            if let Draft::Rule(rule) = draft {
                change_targets(&mut rule.targets, &update, replaced.as_ref());
            }
        }
        Ok(())
    }

    /// Applies `SecRuleUpdateActionById 1001[:offset] "actions"`.
    fn update_actions(&mut self, word: &Argument, list: &Argument) -> Result<(), Fault> {
        let text = word.text();
        let (id, link) = text.split_once(':').unwrap_or((&text, "0"));
        let expected =
            || (word.offset(0), format!("`{text}` names no rule; expected an id, or id:offset in its chain"));
        let (id, link): (u32, usize) = (id.parse().map_err(|_| expected())?, link.parse().map_err(|_| expected())?);
        let update = Actions::parse(list, &mut self.names)?;
        let starter =
            self.drafts.iter().position(|draft| matches!(draft, Draft::Rule(rule) if rule.actions.id == Some(id)));
        let of_chain = |draft: &Draft| matches!(draft, Draft::Rule(rule) if Some(rule.starter) == starter);
        match self.drafts.iter_mut().filter(|draft| of_chain(draft)).nth(link) {
            Some(Draft::Rule(rule)) => {
                change_actions(rule, update);
                Ok(())
            }
            _ => Err((word.offset(0), format!("no rule {text} before this line"))),
        }
    }
}

const KNOWN: [&str; 7] = [
    "secruleremovebyid",
    "secruleremovebytag",
    "secruleremovebymsg",
    "secruleupdatetargetbyid",
    "secruleupdatetargetbytag",
    "secruleupdatetargetbymsg",
    "secruleupdateactionbyid",
];

/// Returns whether a draft is a chain's first rule and of those picked.
pub(super) fn picked(draft: &Draft, pick: &Pick) -> bool {
    let Draft::Rule(rule) = draft else { return false };
    let Some(id) = rule.actions.id else { return false };
    let mut scratch = fosse_pattern::Scratch::new();
    let mut matches =
        |regex: &fosse_pattern::Regex, text: &str| regex.is_match(text.as_bytes(), &mut scratch).unwrap_or(false);
    match pick {
        Pick::Ids(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&id)),
        Pick::Tag(regex) => {
            let tags = rule.defaults.tags.iter().chain(&rule.actions.tags);
            tags.into_iter().any(|(_, tag)| matches(regex, tag))
        }
        Pick::Message(regex) => rule.actions.message.as_ref().is_some_and(|(_, message)| matches(regex, message)),
    }
}

fn change_targets(targets: &mut Targets, update: &Targets, replaced: Option<&Targets>) {
    if let Some(replaced) = replaced {
        targets.wanted.retain(|target| !replaced.wanted.iter().any(|gone| same(target, gone)));
    }
    targets.wanted.extend(update.wanted.iter().cloned());
    targets.excluded.extend(update.excluded.iter().cloned());
}

fn same(left: &Target, right: &Target) -> bool {
    let selectors = match (&left.selector, &right.selector) {
        (Selector::All, Selector::All) => true,
        (Selector::Name(left), Selector::Name(right)) => left == right,
        (Selector::Pattern(left), Selector::Pattern(right)) => left.pattern() == right.pattern(),
        _ => false,
    };
    left.variable == right.variable && left.count == right.count && selectors
}

/// Merges `update` into a rule's actions: single values are replaced, lists grow.
fn change_actions(rule: &mut DraftRule, update: Actions) {
    let actions = &mut rule.actions;
    actions.disruption = update.disruption.or(actions.disruption.take());
    actions.status = update.status.or(actions.status);
    actions.log = update.log.or(actions.log);
    actions.audit_log = update.audit_log.or(actions.audit_log);
    actions.message = update.message.or(actions.message.take());
    actions.log_data = update.log_data.or(actions.log_data.take());
    actions.severity = update.severity.or(actions.severity);
    actions.revision = update.revision.or(actions.revision.take());
    actions.version = update.version.or(actions.version.take());
    actions.skip_after = update.skip_after.or(actions.skip_after.take());
    actions.capture |= update.capture;
    actions.multi_match |= update.multi_match;
    actions.skip = if update.skip > 0 { update.skip } else { actions.skip };
    actions.transforms.extend(update.transforms);
    actions.tags.extend(update.tags);
    actions.acts.extend(update.acts);
    actions.reads = actions.reads.with(update.reads);
}
