//! The actions of a rule: the list read, each name known or refused.

mod act;
mod item;
mod split;
mod words;

pub(crate) use act::{Act, Allow, Assignment, Control, Disruption, Parts, SEVERITIES, SetvarTarget, Write};
pub(crate) use words::{audit_parts, on_off, regex};

use crate::collection_set::CollectionSet;
use crate::macros::Template;
use crate::names::Names;
use crate::reader::Argument;
use act::Fault;
use fosse_bodies::xml::Namespace;
use fosse_transform::Transform;
use item::Item;

/// An action list as read; `None` where it says nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actions {
    pub id: Option<u32>,
    pub id_offset: u32,
    pub phase: Option<u8>,
    pub disruption: Option<Disruption>,
    pub status: Option<u16>,
    pub chain: bool,
    pub capture: bool,
    pub multi_match: bool,
    pub log: Option<bool>,
    pub audit_log: Option<bool>,
    /// Transformations in order; `none` empties what came before it, so it stays in the list.
    pub transforms: Vec<Transform>,
    pub message: Option<(Template, String)>,
    pub log_data: Option<(Template, String)>,
    pub severity: Option<u8>,
    pub tags: Vec<(Template, String)>,
    pub revision: Option<String>,
    pub version: Option<String>,
    pub skip: u32,
    pub skip_after: Option<(String, u32)>,
    pub acts: Vec<Act>,
    /// Prefixes for the paths of `XML:`, with their namespaces.
    pub namespaces: Vec<Namespace>,
    /// The persistent collections its macros name.
    pub reads: CollectionSet,
}

impl Actions {
    /// Reads an action list.
    pub(crate) fn parse(text: &Argument, names: &mut Names) -> Result<Self, Fault> {
        let mut actions = Actions::default();
        let named_before = names.variables.len();
        for item in split::split(text)? {
            actions.add(&item, names)?;
        }
        actions.reads = names.variables.iter().skip(named_before).collect();
        Ok(actions)
    }

    fn add(&mut self, item: &Item, names: &mut Names) -> Result<(), Fault> {
        let value = &item.value;
        match item.name.as_str() {
            "id" => {
                self.id = Some(item.number(1, u32::MAX)?);
                self.id_offset = value.offset(0);
            }
            "phase" => self.phase = Some(item.phase()?),
            "pass" => self.disruption = Some(Disruption::Pass),
            "block" => self.disruption = Some(Disruption::Block),
            "deny" => self.disruption = Some(Disruption::Deny),
            "drop" => self.disruption = Some(Disruption::Drop),
            "redirect" => self.disruption = Some(Disruption::Redirect(Template::parse(value, names)?)),
            "allow" => self.disruption = Some(Disruption::Allow(item.allow()?)),
            "status" => self.status = u16::try_from(item.number(100, 599)?).ok(),
            "chain" => self.chain = true,
            "capture" => self.capture = true,
            "multimatch" => self.multi_match = true,
            "log" => (self.log, self.audit_log) = (Some(true), Some(true)),
            "nolog" => (self.log, self.audit_log) = (Some(false), Some(false)),
            "auditlog" => self.audit_log = Some(true),
            "noauditlog" => self.audit_log = Some(false),
            "t" => self.transforms.push(item.transform()?),
            "msg" => self.message = Some((Template::parse(value, names)?, value.text())),
            "logdata" => self.log_data = Some((Template::parse(value, names)?, value.text())),
            "severity" => self.severity = Some(item.severity()?),
            "tag" => self.tags.push((Template::parse(value, names)?, value.text())),
            "rev" => self.revision = Some(value.text()),
            "ver" => self.version = Some(value.text()),
            "skip" => self.skip = item.number(1, 1_000_000)?,
            "skipafter" => self.skip_after = Some((value.text(), value.offset(0))),
            "xmlns" => self.namespaces.push(item.namespace()?),
            _ => self.acts.extend(item.act(names)?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Actions, Fault> {
        let mut argument = Argument::default();
        text.bytes().enumerate().for_each(|(at, byte)| argument.push(byte, u32::try_from(at).unwrap()));
        argument.close(u32::try_from(text.len()).unwrap());
        Actions::parse(&argument, &mut Names::default())
    }

    #[test]
    fn reads_a_list_as_rule_sets_write_it() {
        let actions = read(
            "id:'200002', phase:2,t:none,t:urlDecodeUni,log,deny,status:400,msg:'it\\'s, so',severity:2,\
             setvar:'tx.a=+%{tx.b}',skipAfter:END,tag:'x',capture",
        )
        .unwrap();
        assert_eq!(
            (actions.id, actions.phase, actions.status, actions.severity),
            (Some(200_002), Some(2), Some(400), Some(2))
        );
        assert_eq!(actions.message.unwrap().1, "it's, so");
        assert_eq!(actions.transforms, [Transform::None, Transform::UrlDecodeUni]);
        assert!(matches!(actions.acts.first(), Some(Act::Write(Write::Set(SetvarTarget::Tx(_), Assignment::Add(_))))));
        assert!(actions.capture && matches!(actions.disruption, Some(Disruption::Deny)));
    }

    #[test]
    fn says_what_was_expected_and_where() {
        for (text, at, part) in [
            ("id:1,frobnicate", 5, "unknown action `frobnicate`"),
            ("t:rot13", 2, "unknown transformation `rot13`"),
            ("phase:7", 6, "expected 1 to 5"),
            ("msg:'open", 4, "not closed"),
            ("setvar:foo.x=1", 7, "holds no variables"),
            ("ctl:ruleEngine=Maybe", 4, "On, Off or DetectionOnly"),
            ("ctl:ruleRemoveTargetById=942100", 25, "no target"),
            ("exec:/bin/true", 0, "runs a program"),
            ("pause:100", 0, "not available"),
            ("xmlns:a", 6, "a prefix and a namespace"),
            ("ctl:auditLogParts=+Q", 4, "letters from A to K"),
            ("ctl:hashEngine=On", 0, "not available"),
            ("severity:SEVERE", 9, "CRITICAL"),
        ] {
            let (offset, message) = read(text).unwrap_err();
            assert_eq!(offset, at, "{text}: {message}");
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn any_cut_of_a_list_is_read_or_refused_without_a_panic() {
        let text = "id:1,msg:'a\\'b',setvar:!tx.x,ctl:ruleRemoveTargetById=1-2;ARGS:/a,b/,expirevar:ip.x=60,t:none";
        for end in 0..text.len() {
            let _ = read(text.get(..end).unwrap());
        }
    }
}
