//! Variables whose values are made when they are asked for, because they change as rules run.

use super::values::TxValue;
use super::variables::{Variables, flag};
use crate::modes::Processor;
use crate::rule::Rule;
use crate::store::Collection;
use crate::variable::Variable;

/// The name of the TX variable that says a pattern was given up; modsecurity.conf-recommended
/// denies on it.
pub(super) const LIMITS_EXCEEDED: &[u8] = b"msc_pcre_limits_exceeded";

/// The name of the TX variable that says a pattern's macro had a value no rule gives it.
pub(super) const PATTERN_ERROR: &[u8] = b"msc_pcre_error";

/// Returns the value of a variable with one value.
pub(super) fn text(variable: Variable, variables: &Variables<'_>) -> Option<Vec<u8>> {
    let set = |name: &[u8]| flag(variables.tx_named(name) != TxValue::Unset).to_vec();
    match variable {
        Variable::MatchedVar => Some(variables.text(variables.last_matched().1).to_vec()),
        Variable::MatchedVarName => Some(variables.name_text(variables.last_matched().0)),
        Variable::HighestSeverity => Some(variables.highest_severity().to_string().into_bytes()),
        Variable::Duration => Some(variables.now.elapsed_micros.to_string().into_bytes()),
        Variable::ReqbodyProcessor => Some(variables.processor.map_or("", Processor::name).as_bytes().to_vec()),
        Variable::Sessionid => variables.persistent.key(Collection::Session),
        Variable::Userid => variables.persistent.key(Collection::User),
        Variable::MscPcreError => Some(set(PATTERN_ERROR)),
        Variable::MscPcreLimitsExceeded => Some(set(LIMITS_EXCEEDED)),
        _ => None,
    }
}

/// Returns the fields of a collection, names and values.
pub(super) fn fields(variable: Variable, variables: &Variables<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    match variable {
        Variable::Env => variables.env.clone(),
        Variable::Rule => variables.rule.map(rule_fields).unwrap_or_default(),
        Variable::Tx => Vec::new(),
        variable => match variable.persistent() {
            Some(collection) => {
                variables.persistent.fields(collection, &variables.rules.settings, variables.now.seconds)
            }
            None => Vec::new(),
        },
    }
}

/// Returns the fields of RULE. Message and data are as written: the values of their macros are not
/// known before the rule has matched.
fn rule_fields(rule: &Rule) -> Vec<(Vec<u8>, Vec<u8>)> {
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
