//! Texts, numbers and names as fosse.toml has them.

use std::fmt::Write as _;

/// Lines `key = value` as they are written.
pub(crate) type Keys = Vec<(&'static str, String)>;

/// Longest name of a backend.
pub(crate) const NAME_BYTES_MAX: usize = 32;

/// Returns a regular expression for a text.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for one in text.chars() {
        out.extend(".+*?()|[]{}^$\\".contains(one).then_some('\\'));
        out.push(one);
    }
    out
}

/// Writes lines; of several for one key the last one counts.
pub(crate) fn write_keys(keys: &Keys, out: &mut String) {
    for (at, (key, value)) in keys.iter().enumerate() {
        if !keys[at + 1..].iter().any(|(later, _)| later == key) {
            // TOML has no number that begins with 0.
            let number = value.parse::<u64>().map(|number| number.to_string());
            let _ = writeln!(out, "{key} = {}", number.as_ref().unwrap_or(value));
        }
    }
}

/// Returns a list of values that are written already.
pub(crate) fn list(values: &[String]) -> String {
    format!("[{}]", values.join(", "))
}

/// Returns whether other machines have to do with an address.
pub(crate) fn is_elsewhere(address: &str) -> bool {
    !(address.starts_with("unix:")
        || address.starts_with("127.")
        || address.starts_with("[::1]:")
        || address.starts_with("localhost:"))
}

/// Returns a name that fosse takes for a backend.
pub(crate) fn sound_name(name: &str) -> String {
    let sound = |one: char| if one.is_ascii_alphanumeric() || one == '_' { one.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(sound).take(NAME_BYTES_MAX).collect();
    if name.is_empty() { "app".to_owned() } else { name }
}

/// Returns a number of bytes with the largest unit that it is a whole number of.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("\"{} {name}\"", bytes / unit),
        None => bytes.to_string(),
    }
}

/// Returns a text as TOML has it, that names no variable.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for one in text.replace("${", "$${").chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            plain if !plain.is_control() => out.push(plain),
            control => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
        }
    }
    out.push('"');
    out
}
