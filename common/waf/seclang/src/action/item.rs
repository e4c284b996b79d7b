//! One action of a list, with its value understood.

use super::act::{Act, Allow, Assignment, Control, Fault, Parts, SEVERITIES, SetvarTarget, Write};
use super::words::{audit_parts, on_off, regex};
use crate::macros::Template;
use crate::modes::{Audit, Mode, Processor, Sanitise, XmlArguments};
use crate::names::Names;
use crate::pick::Pick;
use crate::reader::Argument;
use crate::store::{Collection, Record};
use crate::target;
use fosse_bodies::xml::Namespace;
use fosse_transform::Transform;

/// Notes to people: numbers from 1 to 9.
const REMARKS: &[&str] = &["maturity", "accuracy"];

/// Actions that are refused, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("append", "responses are not changed; take the action out"),
    ("exec", "it runs a program, and this engine runs none; write what it decides in SecLang"),
    ("pause", "no request waits inside the engine; limit connections in fosse.toml, or deny"),
    ("prepend", "responses are not changed; take the action out"),
    ("proxy", "requests go to the backend the site names; use deny or redirect"),
];

/// One action: name in lower case, and its value.
pub(super) struct Item {
    pub name: String,
    pub name_offset: u32,
    pub value: Argument,
}

fn one(act: Act) -> Vec<Act> {
    vec![act]
}

impl Item {
    fn fault<T>(&self, expected: &str) -> Result<T, Fault> {
        let value = self.value.text();
        Err((self.value.offset(0), format!("`{value}` will not do for {}; expected {expected}", self.name)))
    }

    pub(super) fn number(&self, low: u32, high: u32) -> Result<u32, Fault> {
        match self.value.text().trim().parse::<u32>() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => self.fault(&format!("a number from {low} to {high}")),
        }
    }

    pub(super) fn phase(&self) -> Result<u8, Fault> {
        match self.value.text().trim().to_ascii_lowercase().as_str() {
            "1" => Ok(1),
            "2" | "request" => Ok(2),
            "3" => Ok(3),
            "4" | "response" => Ok(4),
            "5" | "logging" => Ok(5),
            _ => self.fault("1 to 5, request, response or logging"),
        }
    }

    pub(super) fn allow(&self) -> Result<Allow, Fault> {
        match self.value.text().to_ascii_lowercase().as_str() {
            "" => Ok(Allow::Transaction),
            "phase" => Ok(Allow::Phase),
            "request" => Ok(Allow::Request),
            _ => self.fault("nothing, phase or request"),
        }
    }

    pub(super) fn transform(&self) -> Result<Transform, Fault> {
        match Transform::from_name(self.value.text().trim()) {
            Some(transform) => Ok(transform),
            None => {
                let message = format!(
                    "unknown transformation `{}`; expected one like t:none or t:urlDecodeUni",
                    self.value.text()
                );
                Err((self.value.offset(0), message))
            }
        }
    }

    pub(super) fn severity(&self) -> Result<u8, Fault> {
        let text = self.value.text();
        let named = SEVERITIES.iter().position(|name| name.eq_ignore_ascii_case(text.trim()));
        match named.or_else(|| text.trim().parse().ok()).and_then(|number| u8::try_from(number).ok()) {
            Some(number) if number < 8 => Ok(number),
            _ => self.fault("0 to 7 or a name like CRITICAL"),
        }
    }

    pub(super) fn act(&self, names: &mut Names) -> Result<Vec<Act>, Fault> {
        let open = |collection, names: &mut Names| {
            Ok(vec![Act::Write(Write::Open(collection, Template::parse(&self.value, names)?))])
        };
        match self.name.as_str() {
            "setvar" => self.setvar(names).map(one),
            "expirevar" => self.expirevar(names).map(one),
            "deprecatevar" => self.deprecatevar(names).map(one),
            "initcol" => self.initcol(names).map(one),
            "setsid" => open(Collection::Session, names),
            "setuid" => open(Collection::User, names),
            "setrsc" => open(Collection::Resource, names),
            "setenv" => self.setenv(names).map(one),
            "ctl" => Ok(self.control(names)?.into_iter().map(Act::Control).collect()),
            "sanitisearg" | "sanitizearg" => Ok(one(Act::Sanitise(Sanitise::Argument, Some(self.value.text())))),
            "sanitisematched" | "sanitizematched" | "sanitisematchedbytes" | "sanitizematchedbytes" => {
                Ok(one(Act::Sanitise(Sanitise::Matched, None)))
            }
            "sanitiserequestheader" | "sanitizerequestheader" => {
                Ok(one(Act::Sanitise(Sanitise::RequestHeader, Some(self.value.text()))))
            }
            "sanitiseresponseheader" | "sanitizeresponseheader" => {
                Ok(one(Act::Sanitise(Sanitise::ResponseHeader, Some(self.value.text()))))
            }
            name if REMARKS.contains(&name) => self.number(1, 9).map(|_| Vec::new()),
            name => match REFUSED.iter().find(|(refused, _)| *refused == name) {
                Some((_, reason)) => Err((self.name_offset, format!("action {name} is not available: {reason}"))),
                None => {
                    let message =
                        format!("unknown action `{name}`; expected one like deny, setvar:tx.name=1 or t:lowercase");
                    Err((self.name_offset, message))
                }
            },
        }
    }

    /// Splits `name=value`; no value where there is no `=`.
    fn assignment(&self) -> (Argument, Option<Argument>) {
        let end = self.value.bytes.len();
        match self.value.bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (self.value.part(0..at), Some(self.value.part(at + 1..end))),
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
            None => Assignment::Set(Template::text(b"1", names)),
            Some(value) => {
                let rest = value.part(1.min(value.bytes.len())..value.bytes.len());
                match value.bytes.first() {
                    Some(b'+') => Assignment::Add(Template::parse(&rest, names)?),
                    Some(b'-') => Assignment::Subtract(Template::parse(&rest, names)?),
                    _ => Assignment::Set(Template::parse(&value, names)?),
                }
            }
        };
        Ok(Act::Write(Write::Set(self.place(&name, names)?, assignment)))
    }

    fn place(&self, name: &Argument, names: &mut Names) -> Result<SetvarTarget, Fault> {
        let dot = name.bytes.iter().position(|byte| matches!(byte, b'.' | b':')).unwrap_or(name.bytes.len());
        let collection = name.part(0..dot).text();
        let key = name.part((dot + 1).min(name.bytes.len())..name.bytes.len());
        if key.bytes.is_empty() {
            return self.fault("a collection and a name, as in tx.score");
        }
        if collection.eq_ignore_ascii_case("tx") {
            let template = Template::parse(&key, names)?;
            return Ok(match template.constant() {
                Some(_) => SetvarTarget::Tx(names.tx(&key.bytes)),
                None => SetvarTarget::TxNamed(template),
            });
        }
        match Collection::from_name(&collection) {
            Some(_) if !Record::may_be_set(&key.bytes) => {
                Err((key.offset(0), format!("{collection} says `{}` of itself; expected another name", key.text())))
            }
            Some(collection) => Ok(SetvarTarget::Persistent(collection, Template::parse(&key, names)?)),
            None => {
                let message =
                    format!("`{collection}` holds no variables; expected tx, ip, global, session, user or resource");
                Err((name.offset(0), message))
            }
        }
    }

    fn persistent(&self, name: &Argument, names: &mut Names) -> Result<(Collection, Template), Fault> {
        match self.place(name, names)? {
            SetvarTarget::Persistent(collection, key) => Ok((collection, key)),
            _ => self.fault("a variable of ip, global, session, user or resource"),
        }
    }

    fn expirevar(&self, names: &mut Names) -> Result<Act, Fault> {
        let (name, value) = self.assignment();
        let Some(value) = value else { return self.fault("a name and seconds, as in ip.counter=60") };
        let (collection, key) = self.persistent(&name, names)?;
        Ok(Act::Write(Write::Expire(collection, key, Template::parse(&value, names)?)))
    }

    fn deprecatevar(&self, names: &mut Names) -> Result<Act, Fault> {
        let (name, value) = self.assignment();
        let value = value.map(|value| value.text()).unwrap_or_default();
        let (amount, seconds) = value.split_once('/').unwrap_or((value.as_str(), "1"));
        let (collection, key) = self.persistent(&name, names)?;
        match (amount.trim().parse(), seconds.trim().parse()) {
            (Ok(amount), Ok(seconds)) => Ok(Act::Write(Write::Deprecate(collection, key, amount, seconds))),
            _ => self.fault("an amount and seconds, as in session.score=60/300"),
        }
    }

    fn initcol(&self, names: &mut Names) -> Result<Act, Fault> {
        let (name, value) = self.assignment();
        match (Collection::from_name(name.text().trim()), value) {
            (Some(collection), Some(key)) => Ok(Act::Write(Write::Open(collection, Template::parse(&key, names)?))),
            _ => self.fault("a collection and a key, as in ip=%{REMOTE_ADDR}"),
        }
    }

    /// Parses `setenv:name=value`, `setenv:name` for 1, or `setenv:!name` to unset it.
    fn setenv(&self, names: &mut Names) -> Result<Act, Fault> {
        let (name, value) = self.assignment();
        let (unset, name) = match name.bytes.first() {
            Some(b'!') => (true, name.part(1..name.bytes.len())),
            _ => (false, name),
        };
        let value = match value {
            _ if unset => None,
            None => Some(Template::text(b"1", names)),
            Some(value) => Some(Template::parse(&value, names)?),
        };
        Ok(Act::Write(Write::Env(Template::parse(&name, names)?, value)))
    }

    /// Parses `xmlns:prefix=namespace`.
    pub(super) fn namespace(&self) -> Result<Namespace, Fault> {
        match self.assignment() {
            (prefix, Some(namespace)) if !prefix.bytes.is_empty() && !namespace.bytes.is_empty() => {
                Ok((prefix.bytes, namespace.bytes))
            }
            _ => self.fault("a prefix and a namespace, as in xmlns:soap=http://schemas.xmlsoap.org/soap/envelope/"),
        }
    }

    /// Reads a `ctl`; one that switches off what is not here is none.
    #[expect(clippy::too_many_lines, reason = "one arm for each setting")]
    fn control(&self, names: &mut Names) -> Result<Vec<Control>, Fault> {
        let (name, value) = self.assignment();
        let value = value.unwrap_or_default();
        let text = value.text();
        let control = match name.text().trim().to_ascii_lowercase().as_str() {
            "ruleengine" => {
                Control::RuleEngine(Mode::from_word(&text).map_or_else(|| self.fault("On, Off or DetectionOnly"), Ok)?)
            }
            "requestbodyprocessor" => Control::BodyProcessor(
                Processor::from_word(&text).map_or_else(|| self.fault("URLENCODED, MULTIPART, JSON or XML"), Ok)?,
            ),
            "forcerequestbodyvariable" => Control::ForceBody(self.on_off(&text)?),
            "requestbodyaccess" => Control::RequestBodyAccess(self.on_off(&text)?),
            "responsebodyaccess" => Control::ResponseBodyAccess(self.on_off(&text)?),
            "requestbodylimit" => Control::RequestBodyLimit(self.bytes(&text)?),
            "responsebodylimit" => Control::ResponseBodyLimit(self.bytes(&text)?),
            "auditengine" => {
                Control::Audit(Audit::from_word(&text).map_or_else(|| self.fault("On, Off or RelevantOnly"), Ok)?)
            }
            "ruleremovebyid" => Control::RemoveRules(names.pick(Pick::ids(&value)?)),
            "ruleremovebytag" => Control::RemoveRules(names.pick(Pick::Tag(regex(&value)?))),
            "ruleremovebymsg" => Control::RemoveRules(names.pick(Pick::Message(regex(&value)?))),
            "ruleremovetargetbyid" => return remove_targets(&value, names, Pick::ids),
            "ruleremovetargetbytag" => return remove_targets(&value, names, |pick| regex(pick).map(Pick::Tag)),
            "ruleremovetargetbymsg" => return remove_targets(&value, names, |pick| regex(pick).map(Pick::Message)),
            "auditlogparts" => self.parts(&text)?,
            "parsexmlintoargs" => Control::XmlArguments(
                XmlArguments::from_word(&text).map_or_else(|| self.fault("On, Off or OnlyArgs"), Ok)?,
            ),
            "debugloglevel" => {
                let note = "ctl:debugLogLevel changes nothing: `fosse rules explain` shows what each rule did";
                names.notes.push((self.name_offset, note.to_owned()));
                return Ok(Vec::new());
            }
            "hashengine" | "hashenforcement" if on_off(&text) == Some(false) => return Ok(Vec::new()),
            "hashengine" | "hashenforcement" => {
                let message = "ctl:hashEngine is not available: no links are signed; take it out";
                return Err((self.name_offset, message.to_owned()));
            }
            _ => return self.fault("a setting like ruleEngine=Off or ruleRemoveById=1"),
        };
        Ok(vec![control])
    }

    /// Parses `+E`, `-E` or `ABZ`.
    fn parts(&self, text: &str) -> Result<Control, Fault> {
        let (how, letters) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(letters), _) => (Parts::Added, letters),
            (None, Some(letters)) => (Parts::TakenOut, letters),
            (None, None) => (Parts::These, text),
        };
        match audit_parts(letters) {
            Some(letters) => Ok(Control::AuditParts(how, letters)),
            None => self.fault("letters from A to K, after + or - or alone"),
        }
    }

    fn on_off(&self, text: &str) -> Result<bool, Fault> {
        on_off(text).map_or_else(|| self.fault("On or Off"), Ok)
    }

    fn bytes(&self, text: &str) -> Result<u64, Fault> {
        text.trim().parse().or_else(|_| self.fault("a number of bytes"))
    }
}

/// Parses `rules;targets` to one control for each target.
fn remove_targets(
    value: &Argument,
    names: &mut Names,
    pick: impl Fn(&Argument) -> Result<Pick, Fault>,
) -> Result<Vec<Control>, Fault> {
    let Some(at) = value.bytes.iter().position(|byte| *byte == b';') else {
        return Err((value.offset(0), "no target; expected rules and a target, as in 942100;ARGS:q".to_owned()));
    };
    let pick = names.pick(pick(&value.part(0..at))?);
    let targets = target::parse(&value.part(at + 1..value.bytes.len()), names)?;
    if !targets.excluded.is_empty() {
        return Err((
            value.offset(at),
            "a target with `!`; expected what is taken out, as in 942100;ARGS:q".to_owned(),
        ));
    }
    Ok(targets.wanted.into_iter().map(|target| Control::RemoveTarget(pick, target)).collect())
}
