//! Macros, and the variables that are made when they are asked for.

use super::{Transaction, VarName};
use crate::action::Processor;
use crate::arena::Span;
use crate::macros::{Part, Reference, Template};
use crate::transaction::values::TxValue;
use crate::variable::Variable;

impl Transaction<'_> {
    /// A text with its macros replaced. A macro without a value leaves nothing.
    pub(super) fn expand(&mut self, template: &Template) -> Span {
        match &*template.parts {
            [] => Span::EMPTY,
            [Part::Text(span)] => *span,
            [Part::Reference(Reference::Tx(slot))] => {
                let value = self.values.tx_slot(*slot);
                self.values.tx_text(value).unwrap_or(Span::EMPTY)
            }
            parts => {
                let mut text = Vec::new();
                for part in parts {
                    self.expand_part(part, &mut text);
                }
                self.values.bytes.push(&text)
            }
        }
    }

    fn expand_part(&mut self, part: &Part, text: &mut Vec<u8>) {
        match part {
            Part::Text(span) => text.extend_from_slice(self.values.text(self.rules, *span)),
            Part::Reference(Reference::Tx(slot)) => {
                let value = self.values.tx_slot(*slot);
                if let Some(span) = self.values.tx_text(value) {
                    text.extend_from_slice(self.values.text(self.rules, span));
                }
            }
            Part::Reference(Reference::Variable(variable, key)) => self.expand_variable(*variable, *key, text),
        }
    }

    fn expand_variable(&self, variable: Variable, key: Option<Span>, text: &mut Vec<u8>) {
        if variable.is_static() {
            let wanted = key.map(|key| self.values.text(self.rules, key)).filter(|_| variable.is_collection());
            let minds = variable.selector_minds_case();
            let picks = |key: &[u8]| match wanted {
                Some(wanted) if minds => wanted == key,
                Some(wanted) => wanted.eq_ignore_ascii_case(key),
                None => true,
            };
            let mut entries = variable.stored_as().iter().flat_map(|variable| self.values.shelf(*variable));
            if let Some(entry) = entries.find(|entry| picks(self.values.text(self.rules, entry.key))) {
                text.extend_from_slice(self.values.text(self.rules, entry.value));
            }
        } else if variable == Variable::MatchedVars {
            if let Some((_, value)) = self.matched.last() {
                text.extend_from_slice(self.values.text(self.rules, *value));
            }
        } else if variable.is_collection() {
            let wanted = key.map(|key| self.values.text(self.rules, key)).unwrap_or_default();
            let fields = self.dynamic_fields(variable);
            if let Some((_, value)) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)) {
                text.extend_from_slice(value);
            }
        } else if let Some(value) = self.dynamic_text(variable) {
            text.extend_from_slice(&value);
        }
    }

    /// The value of a variable that changes as rules run.
    pub(super) fn dynamic_text(&self, variable: Variable) -> Option<Vec<u8>> {
        match variable {
            Variable::MatchedVar => Some(self.values.text(self.rules, self.matched_var.1).to_vec()),
            Variable::MatchedVarName => Some(self.name_text(self.matched_var.0)),
            Variable::HighestSeverity => Some(self.highest_severity.to_string().into_bytes()),
            Variable::Duration => Some(self.now.elapsed_micros.to_string().into_bytes()),
            Variable::ReqbodyProcessor => Some(self.processor.map_or("", Processor::name).as_bytes().to_vec()),
            Variable::Sessionid => self.opened_key(crate::store::Collection::Session),
            Variable::Userid => self.opened_key(crate::store::Collection::User),
            Variable::MscPcreError => Some(self.flagged(super::test::PATTERN_ERROR)),
            Variable::MscPcreLimitsExceeded => Some(self.flagged(super::test::LIMITS_EXCEEDED)),
            _ => None,
        }
    }

    /// 1 if a TX variable that says what went wrong is set, else 0.
    fn flagged(&self, name: &[u8]) -> Vec<u8> {
        super::request::flag(self.values.tx_named(self.rules, name) != TxValue::Unset).to_vec()
    }

    /// The fields of a collection that changes as rules run.
    pub(super) fn dynamic_fields(&self, variable: Variable) -> Vec<(Vec<u8>, Vec<u8>)> {
        match variable {
            Variable::Env => self.env.clone(),
            Variable::Rule => self.rule_fields(),
            Variable::Tx => Vec::new(),
            variable => variable.persistent().map(|collection| self.record_fields(collection)).unwrap_or_default(),
        }
    }

    /// RULE: the rule that is evaluated, a chain's first one. Its message and data are as written: what their macros
    /// stand for is not known before it has matched.
    fn rule_fields(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Some(phase) = self.rules.phase(self.phase) else { return Vec::new() };
        let Some(rule) = phase.rules.get(crate::arena::widen(self.current)) else { return Vec::new() };
        let facts = &rule.facts;
        let text = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        let fields: [(&[u8], Option<Vec<u8>>); 6] = [
            (b"id", Some(rule.id.to_string().into_bytes())),
            (b"msg", text(facts.message.as_ref().map(|(_, message)| message.as_str()))),
            (b"logdata", text(facts.log_data.as_ref().map(|(_, data)| data.as_str()))),
            (b"severity", facts.severity.map(|severity| severity.to_string().into_bytes())),
            (b"rev", text(facts.revision.as_deref())),
            (b"ver", text(facts.version.as_deref())),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_vec(), value?))).collect()
    }

    /// A variable's name as logs have it.
    pub(super) fn name_text(&self, name: VarName) -> Vec<u8> {
        let mut text = Vec::new();
        if name.count {
            text.push(b'&');
        }
        text.extend_from_slice(name.variable.name().as_bytes());
        if let Some(key) = name.key.filter(|key| *key != Span::EMPTY) {
            text.push(b':');
            text.extend_from_slice(self.values.text(self.rules, key));
        }
        text
    }

    /// HIGHEST_SEVERITY as far as a rule with this severity matched (0 is the most severe, and does not count, as in
    /// ModSecurity).
    pub(super) fn note_severity(&mut self, severity: u8) {
        if severity > 0 && severity < self.highest_severity {
            self.highest_severity = severity;
        }
    }

    /// A TX value that a template makes.
    pub(super) fn tx_value(&mut self, template: &Template) -> TxValue {
        TxValue::Text(self.expand(template))
    }
}

impl Processor {
    /// The name REQBODY_PROCESSOR has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Processor::Urlencoded => "URLENCODED",
            Processor::Multipart => "MULTIPART",
            Processor::Json => "JSON",
            Processor::Xml => "XML",
        }
    }
}
