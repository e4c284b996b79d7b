//! The variables that texts of a configuration may name: `${NAME}`, `${NAME:-default}`.

use std::collections::BTreeMap;

/// Longest environment. The kernel gives a program at most 6 MiB of arguments and variables
/// (execve(2)), and 2 MiB with the usual limit of the stack.
pub const ENVIRONMENT_BYTES_MAX: usize = 6 << 20;

/// Variables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `None` for a value that is not UTF-8.
    variables: BTreeMap<String, Option<String>>,
}

/// The reason that a text cannot be expanded, and its cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unexpanded {
    pub what: String,
    pub cure: String,
}

impl Environment {
    /// Returns the environment without a variable.
    #[must_use]
    pub fn none() -> &'static Self {
        static NONE: Environment = Environment { variables: BTreeMap::new() };
        &NONE
    }

    /// Reads `NAME=VALUE` pairs, each ended by a NUL, as /proc/PID/environ has them (proc(5)). A
    /// piece without an equals sign is no variable; of two with one name the first counts, as for
    /// getenv(3).
    #[must_use]
    pub fn of_block(bytes: &[u8]) -> Self {
        let mut variables = BTreeMap::new();
        for pair in bytes.split(|byte| *byte == 0) {
            let Some(at) = pair.iter().position(|byte| *byte == b'=') else { continue };
            let Ok(name) = std::str::from_utf8(&pair[..at]) else { continue };
            let value = std::str::from_utf8(&pair[at + 1..]).ok();
            variables.entry(name.to_owned()).or_insert_with(|| value.map(str::to_owned));
        }
        Self { variables }
    }

    /// Returns the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let utf8 = |text: std::ffi::OsString| text.into_string().ok();
        let pairs = std::env::vars_os().filter_map(|(name, value)| Some((utf8(name)?, utf8(value))));
        Self { variables: pairs.collect() }
    }

    /// Returns a text with the values of the variables that it names; `None` where it names none
    /// and so stays as it is. The result has at most `bytes_max` bytes.
    pub(crate) fn expand(&self, text: &str, bytes_max: usize) -> Result<Option<String>, Unexpanded> {
        if !text.contains("${") {
            return Ok(None);
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (plain, from) = rest.split_at(at);
            out.push_str(plain);
            rest = if let Some(after) = from.strip_prefix("$${") {
                out.push_str("${");
                after
            } else if let Some(after) = from.strip_prefix("${") {
                let (inside, after) = after.split_once('}').ok_or_else(not_ended)?;
                out.push_str(self.value(inside)?);
                after
            } else {
                out.push('$');
                &from[1..]
            };
            if out.len() + rest.len() > bytes_max {
                return Err(unexpanded("the values of the environment make the configuration too long", ""));
            }
        }
        out.push_str(rest);
        Ok(Some(out))
    }

    /// Returns the value of what stands between the braces.
    fn value<'v>(&'v self, inside: &'v str) -> Result<&'v str, Unexpanded> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            let shown = crate::section::quoted(name);
            return Err(unexpanded(&format!("{shown} is no name of a variable"), "write $${ for a plain ${"));
        }
        match self.variables.get(name) {
            Some(Some(value)) if !value.is_empty() || default.is_none() => Ok(value),
            Some(None) => Err(unexpanded(&format!("the value of {name} in the environment is not UTF-8"), "")),
            _ => default.ok_or_else(|| {
                let cure = format!("set it for fosse-start, or write ${{{name}:-DEFAULT}}");
                unexpanded(&format!("there is no {name} in the environment"), &cure)
            }),
        }
    }
}

fn not_ended() -> Unexpanded {
    unexpanded("the name of a variable does not end", "close it with }, or write $${ for a plain ${")
}

fn unexpanded(what: &str, cure: &str) -> Unexpanded {
    Unexpanded { what: what.to_owned(), cure: cure.to_owned() }
}

/// Returns whether a shell could set a variable of that name (POSIX, 3.216).
fn is_name(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) && name.bytes().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<Option<String>, String> {
        let environment = Environment::of_block(b"A=one\0EMPTY=\0A=two\0none\0ODD=\xff\0B=${A}\0");
        environment.expand(text, 100).map_err(|why| why.what)
    }

    #[test]
    fn values_stand_where_their_names_stood() {
        for (text, expected) in [
            ("${A}", "one"),
            ("x${A}y${A}z", "xoneyonez"),
            ("${A:-two}", "one"),
            ("${EMPTY}", ""),
            ("${EMPTY:-two}", "two"),
            ("${NO:-}", ""),
            ("${NO:-a:-b}", "a:-b"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$1 ${A}$", "$1 one$"),
            ("${B}", "${A}"),
        ] {
            assert_eq!(expanded(text), Ok(Some(expected.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_text_without_a_variable_stays_as_it_is() {
        assert_eq!((expanded("$A $ $$ {A}"), expanded("")), (Ok(None), Ok(None)));
    }

    #[test]
    fn what_has_no_value_or_is_no_name_is_refused() {
        for (text, expected) in [
            ("${NO}", "there is no NO in the environment"),
            ("${A", "the name of a variable does not end"),
            ("${}", "\"\" is no name of a variable"),
            ("${1A}", "\"1A\" is no name of a variable"),
            ("${A-x}", "\"A-x\" is no name of a variable"),
            ("${ODD}", "the value of ODD in the environment is not UTF-8"),
        ] {
            assert_eq!(expanded(text), Err(expected.to_owned()), "{text}");
        }
        let long = "${A}".repeat(40);
        assert!(expanded(&long).unwrap_err().contains("too long"));
    }
}
