//! The actions of a rule: the list read, each name known or refused.

use crate::macros::Template;
use crate::names::Names;
use crate::reader::Argument;
use crate::store::Collection;
use crate::target::{self, Target};
use fosse_pattern::Regex;
use fosse_transform::Transform;
use std::sync::Arc;

/// What a rule does to the transaction when it matches.
#[derive(Clone, Debug)]
pub(crate) enum Disruption {
    Pass,
    /// Whatever SecDefaultAction says.
    Block,
    Deny,
    Drop,
    Redirect(Template),
    Allow(Allow),
}

/// How far an `allow` goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Allow {
    /// No more rules but those of phase 5.
    Transaction,
    /// No more rules of this phase.
    Phase,
    /// No more rules before the response.
    Request,
}

/// What a `setvar` does to its variable.
#[derive(Clone, Debug)]
pub(crate) enum Assignment {
    Set(Template),
    Add(Template),
    Subtract(Template),
    Unset,
}

/// Where a `setvar` writes.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Tx(u16),
    TxNamed(Template),
    Persistent(Collection, Template),
}

/// Rules picked by number, tag or message.
#[derive(Clone, Debug)]
pub(crate) enum Pick {
    Ids(Vec<(u32, u32)>),
    Tag(Arc<Regex>),
    Message(Arc<Regex>),
}

/// How rules are applied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Rules run and deny.
    On,
    /// No rule runs.
    Off,
    /// Rules run and are logged; none denies.
    DetectionOnly,
}

/// Which parser reads the request body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Processor {
    /// application/x-www-form-urlencoded.
    Urlencoded,
    /// multipart/form-data.
    Multipart,
    /// JSON.
    Json,
    /// XML.
    Xml,
}

/// What the audit log is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audit {
    /// Every transaction is logged.
    On,
    /// None is.
    Off,
    /// Those a rule marked, or whose status is one to log.
    RelevantOnly,
}

/// A setting changed for this transaction.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    RuleEngine(Mode),
    BodyProcessor(Processor),
    ForceBody(bool),
    RequestBodyAccess(bool),
    ResponseBodyAccess(bool),
    RequestBodyLimit(u64),
    ResponseBodyLimit(u64),
    Audit(Audit),
    /// Rules no longer run: those of a pick, by its number in [`Names`].
    RemoveRules(usize),
    /// Rules no longer look at a target.
    RemoveTarget(usize, Target),
}

/// Something a rule does besides.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Set(Place, Assignment),
    Expire(Collection, Template, Template),
    Deprecate(Collection, Template, u32, u32),
    Open(Collection, Template),
    Env(Template, Template),
    Control(Control),
    Sanitise(Sanitise, Option<String>),
}

/// What is masked in logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sanitise {
    /// Arguments of this name.
    Argument,
    /// The value the rule matched.
    Matched,
    /// Request headers of this name.
    RequestHeader,
    /// Response headers of this name.
    ResponseHeader,
}

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
    pub log_data: Option<Template>,
    pub severity: Option<u8>,
    pub tags: Vec<(Template, String)>,
    pub revision: Option<String>,
    pub version: Option<String>,
    pub skip: u32,
    pub skip_after: Option<(String, u32)>,
    pub acts: Vec<Act>,
}

type Fault = (u32, String);

/// Severities by name, in the order of their number.
pub(crate) const SEVERITIES: [&str; 8] =
    ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];

/// Actions that are known and do nothing here, with the reason.
const IDLE: &[(&str, &str)] = &[
    ("append", "responses are not changed"),
    ("prepend", "responses are not changed"),
    ("pause", "the engine has no clock; the limits of fosse-limit slow clients down"),
    ("xmlns", "XPath with name spaces is not evaluated"),
    ("maturity", "a note to people"),
    ("accuracy", "a note to people"),
    ("status_line", "a note to people"),
];

/// Actions that are refused, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("exec", "it starts a program, and this engine starts none"),
    ("proxy", "requests go to the backend the site names; use deny or redirect"),
];

impl Actions {
    /// Reads an action list.
    pub fn parse(text: &Argument, names: &mut Names) -> Result<Self, Fault> {
        let mut actions = Actions::default();
        for item in split(text)? {
            actions.add(&item, names)?;
        }
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
            "logdata" => self.log_data = Some(Template::parse(value, names)?),
            "severity" => self.severity = Some(item.severity()?),
            "tag" => self.tags.push((Template::parse(value, names)?, value.text())),
            "rev" => self.revision = Some(value.text()),
            "ver" => self.version = Some(value.text()),
            "skip" => self.skip = item.number(1, 1_000_000)?,
            "skipafter" => self.skip_after = Some((value.text(), value.offset(0))),
            _ => self.acts.extend(item.act(names)?),
        }
        Ok(())
    }
}

/// One action: name in lower case, and its value.
struct Item {
    name: String,
    name_offset: u32,
    value: Argument,
}

impl Item {
    fn fault<T>(&self, expected: &str) -> Result<T, Fault> {
        let value = self.value.text();
        Err((self.value.offset(0), format!("`{value}` will not do for {}; expected {expected}", self.name)))
    }

    fn number(&self, low: u32, high: u32) -> Result<u32, Fault> {
        match self.value.text().trim().parse::<u32>() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => self.fault(&format!("a number from {low} to {high}")),
        }
    }

    fn phase(&self) -> Result<u8, Fault> {
        match self.value.text().trim().to_ascii_lowercase().as_str() {
            "1" => Ok(1),
            "2" | "request" => Ok(2),
            "3" => Ok(3),
            "4" | "response" => Ok(4),
            "5" | "logging" => Ok(5),
            _ => self.fault("1 to 5, request, response or logging"),
        }
    }

    fn allow(&self) -> Result<Allow, Fault> {
        match self.value.text().to_ascii_lowercase().as_str() {
            "" => Ok(Allow::Transaction),
            "phase" => Ok(Allow::Phase),
            "request" => Ok(Allow::Request),
            _ => self.fault("nothing, phase or request"),
        }
    }

    fn transform(&self) -> Result<Transform, Fault> {
        match Transform::from_name(self.value.text().trim()) {
            Some(transform) => Ok(transform),
            None => {
                let message = format!("unknown transformation `{}`; expected one like t:none or t:urlDecodeUni", self.value.text());
                Err((self.value.offset(0), message))
            }
        }
    }

    fn severity(&self) -> Result<u8, Fault> {
        let text = self.value.text();
        let named = SEVERITIES.iter().position(|name| name.eq_ignore_ascii_case(text.trim()));
        match named.or_else(|| text.trim().parse().ok()).and_then(|number| u8::try_from(number).ok()) {
            Some(number) if number < 8 => Ok(number),
            _ => self.fault("0 to 7 or a name like CRITICAL"),
        }
    }

    fn act(&self, names: &mut Names) -> Result<Option<Act>, Fault> {
        let open = |collection, names: &mut Names| Ok(Some(Act::Open(collection, Template::parse(&self.value, names)?)));
        match self.name.as_str() {
            "setvar" => self.setvar(names).map(Some),
            "expirevar" => self.expirevar(names).map(Some),
            "deprecatevar" => self.deprecatevar(names).map(Some),
            "initcol" => self.initcol(names).map(Some),
            "setsid" => open(Collection::Session, names),
            "setuid" => open(Collection::User, names),
            "setrsc" => open(Collection::Resource, names),
            "setenv" => self.setenv(names).map(Some),
            "ctl" => self.control(names).map(|control| control.map(Act::Control)),
            "sanitisearg" | "sanitizearg" => Ok(Some(Act::Sanitise(Sanitise::Argument, Some(self.value.text())))),
            "sanitisematched" | "sanitizematched" | "sanitisematchedbytes" | "sanitizematchedbytes" => {
                Ok(Some(Act::Sanitise(Sanitise::Matched, None)))
            }
            "sanitiserequestheader" | "sanitizerequestheader" => {
                Ok(Some(Act::Sanitise(Sanitise::RequestHeader, Some(self.value.text()))))
            }
            "sanitiseresponseheader" | "sanitizeresponseheader" => {
                Ok(Some(Act::Sanitise(Sanitise::ResponseHeader, Some(self.value.text()))))
            }
            name if IDLE.iter().any(|(idle, _)| *idle == name) => Ok(None),
            name => match REFUSED.iter().find(|(refused, _)| *refused == name) {
                Some((_, reason)) => Err((self.name_offset, format!("action {name} is not available: {reason}"))),
                None => {
                    let message = format!("unknown action `{name}`; expected one like deny, setvar:tx.name=1 or t:lowercase");
                    Err((self.name_offset, message))
                }
            },
        }
    }

    /// Splits `name=value`; no value where there is no `=`.
    fn assignment(&self) -> (Argument, Option<Argument>) {
        let end = self.value.bytes.len();
        match self.value.bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (self.value.part(0..at), Some(self.value.part(at.saturating_add(1)..end))),
            None => (self.value.clone(), None),
        }
    }

    fn setvar(&self, names: &mut Names) -> Result<Act, Fault> {
        let (mut name, value) = self.assignment();
        let unset = name.bytes.first() == Some(&b'!');
        if unset {
            name = name.part(1..name.bytes.len());
        }
        let assignment = match value {
            _ if unset => Assignment::Unset,
            None => Assignment::Set(Template { parts: Box::new([crate::macros::Part::Text(names.constants.intern(b"1"))]) }),
            Some(value) => {
                let rest = value.part(1.min(value.bytes.len())..value.bytes.len());
                match value.bytes.first() {
                    Some(b'+') => Assignment::Add(Template::parse(&rest, names)?),
                    Some(b'-') => Assignment::Subtract(Template::parse(&rest, names)?),
                    _ => Assignment::Set(Template::parse(&value, names)?),
                }
            }
        };
        Ok(Act::Set(self.place(&name, names)?, assignment))
    }

    fn place(&self, name: &Argument, names: &mut Names) -> Result<Place, Fault> {
        let dot = name.bytes.iter().position(|byte| matches!(byte, b'.' | b':')).unwrap_or(name.bytes.len());
        let collection = name.part(0..dot).text();
        let key = name.part(dot.saturating_add(1).min(name.bytes.len())..name.bytes.len());
        if key.bytes.is_empty() {
            return self.fault("a collection and a name, as in tx.score");
        }
        if collection.eq_ignore_ascii_case("tx") {
            let template = Template::parse(&key, names)?;
            return Ok(match template.constant() {
                Some(_) => Place::Tx(names.tx(&key.bytes)),
                None => Place::TxNamed(template),
            });
        }
        match Collection::from_name(&collection) {
            Some(collection) => Ok(Place::Persistent(collection, Template::parse(&key, names)?)),
            None => {
                let message = format!("`{collection}` holds no variables; expected tx, ip, global, session, user or resource");
                Err((name.offset(0), message))
            }
        }
    }

    fn persistent(&self, name: &Argument, names: &mut Names) -> Result<(Collection, Template), Fault> {
        match self.place(name, names)? {
            Place::Persistent(collection, key) => Ok((collection, key)),
            _ => self.fault("a variable of ip, global, session, user or resource"),
        }
    }

    fn expirevar(&self, names: &mut Names) -> Result<Act, Fault> {
        let (name, value) = self.assignment();
        let Some(value) = value else { return self.fault("a name and seconds, as in ip.counter=60") };
        let (collection, key) = self.persistent(&name, names)?;
        Ok(Act::Expire(collection, key, Template::parse(&value, names)?))
    }

    fn deprecatevar(&self, names: &mut Names) -> Result<Act, Fault> {
        let (name, value) = self.assignment();
        let value = value.map(|value| value.text()).unwrap_or_default();
        let (amount, seconds) = value.split_once('/').unwrap_or((value.as_str(), "1"));
        let (collection, key) = self.persistent(&name, names)?;
        match (amount.trim().parse(), seconds.trim().parse()) {
            (Ok(amount), Ok(seconds)) => Ok(Act::Deprecate(collection, key, amount, seconds)),
            _ => self.fault("an amount and seconds, as in session.score=60/300"),
        }
    }

    fn initcol(&self, names: &mut Names) -> Result<Act, Fault> {
        let (name, value) = self.assignment();
        match (Collection::from_name(name.text().trim()), value) {
            (Some(collection), Some(key)) => Ok(Act::Open(collection, Template::parse(&key, names)?)),
            _ => self.fault("a collection and a key, as in ip=%{REMOTE_ADDR}"),
        }
    }

    fn setenv(&self, names: &mut Names) -> Result<Act, Fault> {
        let (name, value) = self.assignment();
        let value = value.unwrap_or_default();
        Ok(Act::Env(Template::parse(&name, names)?, Template::parse(&value, names)?))
    }

    fn control(&self, names: &mut Names) -> Result<Option<Control>, Fault> {
        let (name, value) = self.assignment();
        let value = value.unwrap_or_default();
        let text = value.text();
        let control = match name.text().trim().to_ascii_lowercase().as_str() {
            "ruleengine" => Control::RuleEngine(mode(&text).map_or_else(|| self.fault("On, Off or DetectionOnly"), Ok)?),
            "requestbodyprocessor" => {
                Control::BodyProcessor(processor(&text).map_or_else(|| self.fault("URLENCODED, MULTIPART, JSON or XML"), Ok)?)
            }
            "forcerequestbodyvariable" => Control::ForceBody(self.on_off(&text)?),
            "requestbodyaccess" => Control::RequestBodyAccess(self.on_off(&text)?),
            "responsebodyaccess" => Control::ResponseBodyAccess(self.on_off(&text)?),
            "requestbodylimit" => Control::RequestBodyLimit(self.bytes(&text)?),
            "responsebodylimit" => Control::ResponseBodyLimit(self.bytes(&text)?),
            "auditengine" => Control::Audit(audit(&text).map_or_else(|| self.fault("On, Off or RelevantOnly"), Ok)?),
            "ruleremovebyid" => Control::RemoveRules(names.pick(Pick::ids(&value)?)),
            "ruleremovebytag" => Control::RemoveRules(names.pick(Pick::Tag(regex(&value)?))),
            "ruleremovebymsg" => Control::RemoveRules(names.pick(Pick::Message(regex(&value)?))),
            "ruleremovetargetbyid" => remove_target(&value, names, |pick| Pick::ids(pick))?,
            "ruleremovetargetbytag" => remove_target(&value, names, |pick| regex(pick).map(Pick::Tag))?,
            "ruleremovetargetbymsg" => remove_target(&value, names, |pick| regex(pick).map(Pick::Message))?,
            // Parts of the audit log and the debug log are settings of the logger, hashes are not made; XML is never
            // copied into ARGS.
            "auditlogparts" | "debugloglevel" | "hashengine" | "hashenforcement" | "parsexmlintoargs" => return Ok(None),
            _ => return self.fault("a setting like ruleEngine=Off or ruleRemoveById=1"),
        };
        Ok(Some(control))
    }

    fn on_off(&self, text: &str) -> Result<bool, Fault> {
        on_off(text).map_or_else(|| self.fault("On or Off"), Ok)
    }

    fn bytes(&self, text: &str) -> Result<u64, Fault> {
        text.trim().parse().or_else(|_| self.fault("a number of bytes"))
    }
}

pub(crate) fn mode(text: &str) -> Option<Mode> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(Mode::On),
        "off" => Some(Mode::Off),
        "detectiononly" => Some(Mode::DetectionOnly),
        _ => None,
    }
}

pub(crate) fn audit(text: &str) -> Option<Audit> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(Audit::On),
        "off" => Some(Audit::Off),
        "relevantonly" => Some(Audit::RelevantOnly),
        _ => None,
    }
}

fn processor(text: &str) -> Option<Processor> {
    match text.to_ascii_uppercase().as_str() {
        "URLENCODED" => Some(Processor::Urlencoded),
        "MULTIPART" => Some(Processor::Multipart),
        "JSON" => Some(Processor::Json),
        "XML" => Some(Processor::Xml),
        _ => None,
    }
}

pub(crate) fn on_off(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

pub(crate) fn regex(text: &Argument) -> Result<Arc<Regex>, Fault> {
    let pattern = Regex::new(&text.bytes).map(Arc::new);
    pattern.map_err(|error| (text.offset(error.offset), format!("in this pattern: {}", error.reason)))
}

impl Pick {
    /// Reads `942100`, `942100-942199` and lists of them.
    pub fn ids(text: &Argument) -> Result<Self, Fault> {
        let words = text.text();
        let items = words.split(|byte: char| byte == ',' || byte.is_whitespace()).filter(|item| !item.is_empty());
        let ranges: Option<Vec<(u32, u32)>> = items
            .map(|item| match item.split_once('-') {
                Some((low, high)) => Some((low.parse().ok()?, high.parse().ok()?)),
                None => item.parse().ok().map(|id| (id, id)),
            })
            .collect();
        match ranges {
            Some(ranges) if !ranges.is_empty() => Ok(Pick::Ids(ranges)),
            _ => Err((text.offset(0), format!("`{words}` names no rule; expected numbers and ranges like 942100-942199"))),
        }
    }
}

fn remove_target(
    value: &Argument,
    names: &mut Names,
    pick: impl Fn(&Argument) -> Result<Pick, Fault>,
) -> Result<Control, Fault> {
    let Some(at) = value.bytes.iter().position(|byte| *byte == b';') else {
        return Err((value.offset(0), "no target; expected rules and a target, as in 942100;ARGS:q".to_owned()));
    };
    let pick = pick(&value.part(0..at))?;
    let targets = target::parse(&value.part(at.saturating_add(1)..value.bytes.len()), names)?;
    match <[Target; 1]>::try_from(targets.wanted) {
        Ok([target]) => Ok(Control::RemoveTarget(names.pick(pick), target)),
        Err(_) => Err((value.offset(at), "expected one target, as in 942100;ARGS:q".to_owned())),
    }
}

/// Cuts an action list at its commas. A value in single quotes may hold commas; a backslash before a single quote is
/// dropped.
fn split(text: &Argument) -> Result<Vec<Item>, Fault> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.bytes.get(at) {
        if byte.is_ascii_whitespace() || *byte == b',' {
            at = at.saturating_add(1);
            continue;
        }
        let (item, next) = next_item(text, at)?;
        items.push(item);
        at = next;
    }
    Ok(items)
}

fn next_item(text: &Argument, start: usize) -> Result<(Item, usize), Fault> {
    let bytes = &text.bytes;
    let rest = bytes.get(start..).unwrap_or_default();
    let len = rest.iter().position(|byte| matches!(byte, b',' | b':')).unwrap_or(rest.len());
    let colon = start.saturating_add(len);
    let name = text.part(start..colon).text().trim().to_ascii_lowercase();
    let mut item = Item { name, name_offset: text.offset(start), value: Argument::default() };
    if bytes.get(colon) != Some(&b':') {
        item.value.close(text.offset(colon));
        return Ok((item, colon));
    }
    let mut at = colon.saturating_add(1);
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at = at.saturating_add(1);
    }
    let quoted = bytes.get(at) == Some(&b'\'');
    let opened = at;
    at = at.saturating_add(usize::from(quoted));
    loop {
        match (bytes.get(at), bytes.get(at.saturating_add(1))) {
            (None, _) if quoted => return Err((text.offset(opened), "this quote is not closed".to_owned())),
            (None, _) => break,
            (Some(b'\\'), Some(b'\'')) => {
                item.value.push(b'\'', text.offset(at));
                at = at.saturating_add(1);
            }
            (Some(b'\''), _) if quoted => break,
            (Some(b','), _) if !quoted => break,
            (Some(byte), _) => item.value.push(*byte, text.offset(at)),
        }
        at = at.saturating_add(1);
    }
    item.value.close(text.offset(at));
    if !quoted {
        let end = item.value.bytes.trim_ascii_end().len();
        item.value = item.value.part(0..end);
    }
    Ok((item, at.saturating_add(usize::from(quoted))))
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
        assert_eq!((actions.id, actions.phase, actions.status, actions.severity), (Some(200_002), Some(2), Some(400), Some(2)));
        assert_eq!(actions.message.unwrap().1, "it's, so");
        assert_eq!(actions.transforms, [Transform::None, Transform::UrlDecodeUni]);
        assert!(matches!(actions.acts.first(), Some(Act::Set(Place::Tx(_), Assignment::Add(_)))));
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
            ("exec:/bin/true", 0, "starts a program"),
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
