//! The facts of an evaluation that event lines and audit lines share.

use fosse_die::Escaped;
use fosse_seclang::Match;

use super::redact::masked;
use crate::{
    denial::Denial,
    evaluation::Evaluation,
    limits::{IDS_SHOWN_MAX, TEXT_BYTES_SHOWN_MAX},
};

/// The outcome for a request, as logs have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The client got a denial.
    Denied,
    /// It would have got one.
    Detected,
    /// Rules matched, and it passed.
    Passed,
}

impl Action {
    /// Returns the word in logs.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Detected => "detected",
            Self::Passed => "passed",
        }
    }
}

/// Returns the anomaly scores, by the names they have in lines: that of the request, and that of
/// the response where it was evaluated.
pub(crate) fn scores(evaluation: &Evaluation) -> impl Iterator<Item = (&'static str, Vec<u8>)> + '_ {
    // As the Core Rule Set 4, then 3, and the built-in rules name them.
    let request = ["blocking_inbound_anomaly_score", "anomaly_score", "inbound_anomaly_score", "score"];
    let response = ["blocking_outbound_anomaly_score", "outbound_anomaly_score", "response_score"];
    let first = |names: &[&str]| names.iter().find_map(|name| evaluation.transaction.tx(name));
    let request = first(&request).map(|score| ("score", score));
    let response = evaluation.response_status.and_then(|_| first(&response)).map(|score| ("response_score", score));
    request.into_iter().chain(response)
}

/// Returns the status of the application's response as an event line has it; empty where no
/// response was evaluated.
pub(crate) fn response_status(evaluation: &Evaluation) -> String {
    evaluation.response_status.map_or_else(String::new, |status| format!(" response_status={status}"))
}

/// Returns what an evaluation adds to an event line: the response's status, scores, time, the
/// message of its last match, and the rules that matched.
pub(crate) fn facts(evaluation: &Evaluation) -> String {
    use std::fmt::Write as _;
    let mut text = response_status(evaluation);
    for (name, score) in scores(evaluation) {
        let _ = write!(text, " {name}={}", Escaped(&score));
    }
    let _ = write!(text, " cpu_us={}", evaluation.spent_us());
    let logged = || evaluation.transaction.matches().filter(Match::is_logged);
    if evaluation.denial.is_none()
        && let Some(last) = logged().last()
    {
        let _ = write!(text, " what={}", Escaped(&masked(shown(last.message()))));
    }
    if let Some(worst) = evaluation.denial.as_ref().and_then(|denial| worst(evaluation, denial)) {
        let _ = write!(text, " message={}", Escaped(&masked(shown(worst.message()))));
    }
    // As ModSecurity writes them: tools that look for rules in its log find them here.
    for id in distinct(logged()) {
        let _ = write!(text, " [id \"{id}\"]");
    }
    text
}

/// Returns the match that led to a denial, where it is not the one that denied: a denial by score
/// says that a threshold was reached, and what led to it says more.
pub(super) fn worst<'e>(evaluation: &'e Evaluation, denial: &Denial) -> Option<Match<'e>> {
    let logged = evaluation.transaction.matches().filter(Match::is_logged);
    let others = logged.filter(|one| one.id() != denial.rule && !one.message().is_empty());
    others.min_by_key(|one| one.severity().unwrap_or(u8::MAX))
}

/// Returns the rules of matches, each once, as many as a line names.
pub(crate) fn distinct<'m>(matches: impl Iterator<Item = Match<'m>>) -> Vec<u32> {
    let mut ids = Vec::new();
    for one in matches {
        if ids.len() < IDS_SHOWN_MAX && !ids.contains(&one.id()) {
            ids.push(one.id());
        }
    }
    ids
}

/// Returns as much of a text as a line shows.
pub(crate) fn shown(text: &[u8]) -> &[u8] {
    &text[..text.len().min(TEXT_BYTES_SHOWN_MAX)]
}
