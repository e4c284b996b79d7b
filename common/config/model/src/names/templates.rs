//! Texts with variables, and what they are written into: header fields, targets, locations.

use fosse_settings::{Part, Template, TlsFact, Variable};
use toml::Spanned;
use toml::de::DeValue;

use super::{FieldName, Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{At, FromValue, Origin, article, quoted};

/// Longest text with variables, as it is written.
pub const TEMPLATE_BYTES_MAX: usize = 2048;

/// The variables by the names that stand in braces.
const VARIABLES: &[(&str, Variable)] = &[
    ("client_address", Variable::ClientAddress),
    ("client_port", Variable::ClientPort),
    ("host", Variable::Host),
    ("authority", Variable::Authority),
    ("scheme", Variable::Scheme),
    ("method", Variable::Method),
    ("request_id", Variable::RequestId),
    ("path", Variable::Path),
    ("query", Variable::Query),
    ("target", Variable::Target),
    ("tls_version", Variable::Tls(TlsFact::Version)),
    ("tls_cipher", Variable::Tls(TlsFact::Cipher)),
    ("tls_server_name", Variable::Tls(TlsFact::ServerName)),
    ("tls_ja4", Variable::Tls(TlsFact::Ja4)),
    ("tls_client_verify", Variable::Tls(TlsFact::ClientVerify)),
    ("tls_client_subject", Variable::Tls(TlsFact::ClientSubject)),
    ("tls_client_issuer", Variable::Tls(TlsFact::ClientIssuer)),
    ("tls_client_serial", Variable::Tls(TlsFact::ClientSerial)),
    ("tls_client_fingerprint", Variable::Tls(TlsFact::ClientFingerprint)),
];

/// Fields that frame a message or belong to one connection (RFC 9110, section 7.6.1): they are
/// written by fosse alone.
const OWN_FIELDS: [&str; 10] = [
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "expect",
    "http2-settings",
];

/// Reads a text with variables. `groups` are taken where there is an expression that has some.
pub(super) fn template(written: &str, groups: bool) -> Result<Template, Wrong> {
    if written.len() > TEMPLATE_BYTES_MAX || written.chars().any(char::is_control) {
        return wrong(format!("{} is too long, or holds a control character", quoted(written)), "");
    }
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), written);
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        let Some((name, after)) = after.split_once('}').filter(|_| brace == "{") else {
            return wrong(
                format!("{} has a brace without its other half", quoted(written)),
                "write two of it for a brace as it is: \"{{\"",
            );
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(variable(name, groups)?);
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(Template(parts))
}

fn variable(name: &str, groups: bool) -> Result<Part, Wrong> {
    if let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| *known == name) {
        return Ok(Part::Variable(*variable));
    }
    if let Some(header) = name.strip_prefix("header.")
        && (1..=64).contains(&header.len())
        && header.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return Ok(Part::Header(header.to_ascii_lowercase()));
    }
    match name.parse::<u8>() {
        Ok(group) if groups && name.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Ok(Part::Group(u32::from(group)));
        }
        Ok(_) => {
            return wrong(
                format!("{} is a group of a regular expression", quoted(name)),
                "only rewrite and redirect take some",
            );
        }
        Err(_) => {}
    }
    let names: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
    let cure = match fosse_nearest::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {{{near}}}?"),
        None => format!("known are {}, header.NAME", names.join(", ")),
    };
    Err((format!("there is no variable {}", quoted(name)), cure))
}

/// Returns the highest group that a template names; `None` where it names none.
pub(crate) fn highest_group(template: &Template) -> Option<u32> {
    let group = |part: &Part| if let Part::Group(group) = part { Some(*group) } else { None };
    template.0.iter().filter_map(group).max()
}

/// Returns whether a template holds the value of a header of that name.
pub(crate) fn names_header(template: &Template, name: &str) -> bool {
    template.0.iter().any(|part| matches!(part, Part::Header(header) if header.eq_ignore_ascii_case(name)))
}

/// The value of a header field, with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderText(pub Template);

impl FromValue for HeaderText {
    const TAKES: &'static str = "a text, which may hold variables such as \"{client_address}\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| template(written, false).map(Self))
    }

    fn placeholder() -> Self {
        Self(Template::default())
    }
}

/// Values of header fields, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderTexts(pub Vec<(String, Template)>);

impl FromValue for HeaderTexts {
    const TAKES: &'static str = "a table of names and values, such as { \"X-Client\" = \"{client_address}\" }";
    const UNIT: &'static str = "entries";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            let what = format!("{key} takes {}, this is {}", Self::TAKES, article(value.get_ref()));
            problems.note(&value.span(), what);
            return None;
        };
        let (mut texts, mut is_sound) = (Vec::new(), true);
        for (name, text) in table {
            let written = Spanned::new(name.span(), DeValue::String(name.get_ref().clone()));
            let name = EditedField::read(key, &written, problems);
            match (name, HeaderText::read(key, text, problems)) {
                (Some(name), Some(text)) => texts.push((name.0, text.0)),
                _ => is_sound = false,
            }
        }
        // In the order of the names: a table has none that a person could rely on.
        is_sound.then_some(Self(texts))
    }

    fn placeholder() -> Self {
        Self::default()
    }

    fn magnitude(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

/// The name of a header field that a site may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedField(pub String);

impl FromValue for EditedField {
    const TAKES: &'static str = FieldName::TAKES;

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let name = FieldName::read(key, value, problems)?.0;
        if OWN_FIELDS.contains(&name.to_ascii_lowercase().as_str()) {
            let what = format!("{key}: {} belongs to the connection, and is written by fosse alone", quoted(&name));
            problems.note_with_cure(&value.span(), what, "remove it");
            return None;
        }
        Some(Self(name))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// The value that a part of a header field becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementText(pub Template);

impl FromValue for ReplacementText {
    const TAKES: &'static str = "a text, which may hold variables such as \"{host}\", and groups such as \"{1}\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| template(written, true).map(Self))
    }

    fn placeholder() -> Self {
        Self(Template::default())
    }
}

/// The target that a request goes on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetText(pub Template);

impl FromValue for TargetText {
    const TAKES: &'static str = "a path, which may hold variables such as \"{path}\", and groups such as \"{1}\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let begins = written.starts_with('/') || written.starts_with("{path}") || written.starts_with("{target}");
            if !begins || !written.bytes().all(|byte| byte.is_ascii_graphic()) {
                return wrong(format!("{} is no path", quoted(written)), "begin it with a slash");
            }
            template(written, true).map(Self)
        })
    }

    fn placeholder() -> Self {
        Self(Template::default())
    }
}

/// The location of a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationText(pub Template);

impl FromValue for LocationText {
    const TAKES: &'static str =
        "an address, which may hold variables such as \"https://example.org{target}\", and groups such as \"{1}\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let begins = ["/", "http://", "https://", "{scheme}://", "{path}", "{target}"];
            if !begins.iter().any(|begin| written.starts_with(begin)) || written.starts_with("//") {
                return wrong(
                    format!("{} is no place to go to", quoted(written)),
                    "begin it with \"https://\", \"http://\", \"{scheme}://\" or a slash",
                );
            }
            if !written.bytes().all(|byte| byte.is_ascii_graphic()) {
                return wrong(format!("{} holds a character that no address has", quoted(written)), "escape it with %");
            }
            template(written, true).map(Self)
        })
    }

    fn placeholder() -> Self {
        Self(Template::default())
    }
}

/// Joins edits of one kind with the place of their table, for checks across keys.
pub(crate) fn named<'a>(texts: &'a At<HeaderTexts>, name: &str) -> Option<&'a Template> {
    let found = texts.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
    found.filter(|_| texts.origin != Origin::Broken).map(|(_, template)| template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_in_braces_and_braces_in_pairs() {
        let parts = template("a{host}{{x}}{header.X-Y}", false).unwrap().0;
        assert_eq!(
            parts,
            [
                Part::Text("a".into()),
                Part::Variable(Variable::Host),
                Part::Text("{x}".into()),
                Part::Header("x-y".into())
            ]
        );
        assert_eq!(template("{1}", true).unwrap().0, [Part::Group(1)]);
        for (text, groups, cure) in [
            ("{hots}", false, "{host}"),
            ("{", true, "{{"),
            ("}", true, "{{"),
            ("{1}", false, "rewrite"),
            ("{}", true, "known"),
        ] {
            let (_, said) = template(text, groups).unwrap_err();
            assert!(said.contains(cure), "{text}: {said}");
        }
    }
}
