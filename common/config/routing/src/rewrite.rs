//! Targets that go on as others, and locations of redirects.

use fosse_http1::is_target;
use fosse_settings::{ParsePolicy, Prefixes, Rewrite, Template};

use crate::facts::Facts;
use crate::path::{below, encode, split, understood};
use crate::pattern::Grouped;
use crate::template::render;

/// The target that a rewrite makes, or the location of a redirect, cannot be written: too long, or
/// with a byte that may not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwritable;

/// The changes of one policy.
#[derive(Debug)]
pub(crate) struct Changes {
    rewrite: Rewrite,
    redirect: Option<Template>,
    grouped: Option<Grouped>,
}

/// The outcome for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The target that goes on, where it is another one.
    pub target: Option<Vec<u8>>,
    /// Location of a redirect.
    pub location: Option<Vec<u8>>,
}

impl Changes {
    /// Arranges the changes of a policy; `None` where it has none.
    pub(crate) fn of(policy: &ParsePolicy) -> Option<Self> {
        if policy.rewrite == Rewrite::None && policy.redirect.is_none() {
            return None;
        }
        let grouped = if policy.pattern.is_empty() { None } else { Grouped::new(&policy.pattern) };
        Some(Self { rewrite: policy.rewrite.clone(), redirect: policy.redirect.clone(), grouped })
    }

    /// Makes the target or the location for a request.
    ///
    /// # Errors
    /// [`Unwritable`].
    pub(crate) fn make(&self, facts: &Facts<'_>, bytes_max: usize) -> Result<Changed, Unwritable> {
        let (raw, query) = split(facts.target);
        let path = understood(raw);
        let groups = self.grouped.as_ref().map(|grouped| grouped.groups(&path)).unwrap_or_default();
        if let Some(redirect) = &self.redirect {
            return Ok(Changed { target: None, location: Some(location(redirect, facts, &groups, bytes_max)?) });
        }
        let mut target = Vec::with_capacity(facts.target.len());
        match &self.rewrite {
            // A request about the whole server has no path.
            _ if !raw.starts_with(b"/") => return Ok(Changed::default()),
            Rewrite::None => return Ok(Changed::default()),
            Rewrite::Prefix(Prefixes { strip, add }) => {
                let plain = matches!(path, std::borrow::Cow::Borrowed(_));
                let Some(rest) = below(strip.as_bytes(), &path) else { return Ok(Changed::default()) };
                target.extend_from_slice(add.as_bytes());
                if plain {
                    target.extend_from_slice(rest);
                } else {
                    encode(&mut target, rest);
                }
                if target.is_empty() {
                    target.push(b'/');
                }
            }
            Rewrite::To(to) => render(to, facts, &groups, &mut target),
        }
        if !query.is_empty() && !target.contains(&b'?') {
            target.push(b'?');
            target.extend_from_slice(query);
        }
        if !target.starts_with(b"/") || !is_target(&target) || target.len() > bytes_max {
            return Err(Unwritable);
        }
        Ok(Changed { target: (target != facts.target).then_some(target), location: None })
    }
}

/// Makes the location of a redirect. One that begins with two slashes, or with one that browsers
/// take for two, would lead to a host that the client has chosen: it begins with one.
fn location(to: &Template, facts: &Facts<'_>, groups: &[&[u8]], bytes_max: usize) -> Result<Vec<u8>, Unwritable> {
    let mut location = Vec::new();
    render(to, facts, groups, &mut location);
    let slashes = location.iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    if slashes > 1 {
        location.drain(1..slashes);
    }
    if location.is_empty() || location.len() > bytes_max || !location.iter().all(u8::is_ascii_graphic) {
        return Err(Unwritable);
    }
    Ok(location)
}
