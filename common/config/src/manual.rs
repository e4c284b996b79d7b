//! The table of keys as lines of mdoc(7): the part of fosse.toml(5) that is made from the rows.

use std::fmt::Write;

use crate::model::SECTIONS;
use crate::section::{Key, Presence};

/// The tables and keys, ready to stand in the manual page.
pub fn mdoc() -> String {
    let mut out = String::new();
    for section in SECTIONS {
        let _ = writeln!(out, ".Ss {}", escape(&heading(section.title)));
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
    let _ = writeln!(out, "Takes {}.", escape(key.takes));
    match key.presence {
        Presence::Required => out.push_str("Required.\n"),
        Presence::Default("{}") => out.push_str("May be left out, as may each of its keys.\n"),
        Presence::Default(value) => {
            let _ = writeln!(out, "Default:\n.Li {} .", escape(value).replace('"', "\\(dq"));
        }
        Presence::Absent(words) => {
            let _ = writeln!(out, "Without it: {}.", escape(words));
        }
    }
    if let Some((low, high)) = key.limits {
        let unit = if key.unit.is_empty() { String::new() } else { format!(" {}", key.unit) };
        let _ = writeln!(out, "Limits: {low} to {high}{unit}.");
    }
}

/// Text for mdoc: backslashes, hyphens that stand for themselves, and no line that looks like a macro.
fn escape(text: &str) -> String {
    let lines = text.lines().map(str::trim).map(|line| {
        let line = line.replace('\\', "\\e").replace("--", "\\-\\-");
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}
