//! The table of keys as lines of mdoc(7): the part of fosse.toml(5) that is made from the rows.

use std::fmt::Write;

use crate::model::SECTIONS;
use crate::section::{Key, Presence};

/// Returns the tables and keys as the manual page has them.
pub fn mdoc() -> String {
    let mut out = String::new();
    for section in SECTIONS {
        let _ = writeln!(out, ".Ss {}\\&", escape(&heading(section.title)));
        let _ = writeln!(out, "{}", escape(section.doc.trim()));
        let _ = writeln!(out, ".Bl -tag -width Ds");
        for key in section.keys {
            row(&mut out, key);
        }
        let _ = writeln!(out, ".El");
    }
    out
}

fn heading(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn row(out: &mut String, key: &Key) {
    let _ = writeln!(out, ".It Ic {}", key.name);
    let _ = writeln!(out, "{}", escape(key.doc.trim()));
    let _ = writeln!(out, "{}", escape(&format!("Takes {}.", takes(key))));
    match key.presence {
        Presence::Required => out.push_str("Required.\n"),
        Presence::Default("{}") => out.push_str("May be left out, as may each of its keys.\n"),
        Presence::Default(value) => {
            let _ = writeln!(out, "Default:\n.Li {} .", escape(value).replace('"', "\\(dq"));
        }
        Presence::Absent(words) => {
            let _ = writeln!(out, "{}", escape(&format!("Without it: {words}.")));
        }
    }
    if let Some((low, high)) = key.limits {
        let unit = if key.unit.is_empty() { String::new() } else { format!(" {}", key.unit) };
        let _ = writeln!(out, "Limits: {low} to {high}{unit}.");
    }
}

/// Returns the values a key takes; says so where it is a list whose type describes its entries.
fn takes(key: &Key) -> String {
    let says = key.takes.starts_with("a list") || key.takes.starts_with("a table");
    if key.unit == "entries" && !says { format!("a list; each entry is {}", key.takes) } else { key.takes.to_owned() }
}

/// Longest line of the page, as mandoc(1) wants it.
const LINE_CHARS_MAX: usize = 78;

/// Returns text for mdoc: every sentence on lines of its own, no line that looks like a macro,
/// backslashes escaped.
fn escape(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "\\e");
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map(String::as_str).unwrap_or_default();
        let full = line.chars().count() + word.chars().count() >= LINE_CHARS_MAX;
        if full || line.ends_with('.') {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let gap = if line.is_empty() { "" } else { " " };
            line.push_str(gap);
            line.push_str(word);
        }
    }
    let guard = |line: &String| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.clone() };
    lines.iter().map(guard).collect::<Vec<_>>().join("\n")
}
