//! Texts with variables.

use std::io::Write as _;

use fosse_http1::{trim, write_number};
use fosse_settings::{ForOrigin, Part, Template, Variable};

use crate::facts::Facts;
use crate::path;

/// Appends the text of a template, without spaces at its ends, which no field may have. `groups`
/// are those of an expression that was found in the path.
pub fn render(template: &Template, facts: &Facts<'_>, groups: &[&[u8]], out: &mut Vec<u8>) {
    let begin = out.len();
    for part in &template.0 {
        if let Part::Group(group) = part {
            let group = usize::try_from(*group).ok().and_then(|group| groups.get(group));
            path::encode(out, group.copied().unwrap_or_default());
        } else {
            render_part(part, facts, out);
        }
    }
    let text = &out[begin..];
    let kept = trim(text).len();
    let blank = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if kept < text.len() {
        out.drain(begin..begin + blank);
        out.truncate(begin + kept);
    }
}

/// Appends the text of one part, as it is; a group has none.
pub fn render_part(part: &Part, facts: &Facts<'_>, out: &mut Vec<u8>) {
    match part {
        Part::Text(text) => out.extend_from_slice(text.as_bytes()),
        Part::Variable(variable) => put(*variable, facts, out),
        Part::Header(name) => {
            facts.headers.any(name.as_bytes(), &mut |value| {
                out.extend_from_slice(value);
                true
            });
        }
        Part::ForOrigin(ForOrigin { origins, text }) => {
            if let Some(origin) = origin(facts).filter(|sent| origins.iter().any(|origin| origin.covers(sent))) {
                out.extend_from_slice(text.as_ref().map_or(origin.as_slice(), |text| text.as_bytes()));
            }
        }
        Part::Group(_) => {}
    }
}

/// Returns the origin of the page that makes a request; `None` where it says none, or several.
pub fn origin(facts: &Facts<'_>) -> Option<Vec<u8>> {
    let (mut origin, mut count) = (None, 0);
    facts.headers.any(b"origin", &mut |value| {
        (origin, count) = (Some(value.to_vec()), count + 1);
        false
    });
    origin.filter(|_| count == 1)
}

fn put(variable: Variable, facts: &Facts<'_>, out: &mut Vec<u8>) {
    match variable {
        Variable::ClientAddress => {
            if let Some(address) = facts.client {
                // A Vec takes everything.
                drop(write!(out, "{address}"));
            }
        }
        Variable::ClientPort => write_number(out, u64::from(facts.client_port)),
        Variable::Host => out.extend_from_slice(facts.host),
        Variable::Authority => {
            out.extend_from_slice(facts.host);
            if facts.host_port != 0 {
                out.push(b':');
                write_number(out, u64::from(facts.host_port));
            }
        }
        Variable::Scheme => out.extend_from_slice(if facts.secure { b"https" } else { b"http" }),
        Variable::Method => out.extend_from_slice(facts.method),
        Variable::RequestId => drop(write!(out, "{:016x}", facts.request)),
        Variable::Path => out.extend_from_slice(path::split(facts.target).0),
        Variable::Query => out.extend_from_slice(path::split(facts.target).1),
        Variable::Target => out.extend_from_slice(facts.target),
        Variable::Tls(fact) => facts.handshake.put(fact, out),
    }
}
