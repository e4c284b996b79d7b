//! `use_backend %[..., map(FILE)]`: each line of the file becomes a rule of its own.

use super::section::{Line, Section};
use crate::ReadFiles;
use crate::notes::Notes;

/// Lines of maps that become rules; each may be a host, for which all rules are asked.
const MAP_LINES_COUNT_MAX: usize = 500;
/// Maps that are read.
const MAPS_COUNT_MAX: usize = 64;

/// An expression that looks something up in a map.
struct Lookup {
    /// The test of an entry: "hdr(host)", "path_beg".
    test: String,
    is_any_case: bool,
    /// The longest entry counts, and not the first one.
    is_longest: bool,
    file: String,
    default: Option<String>,
}

/// Puts rules in place of the lines that look a backend up in a map.
pub(super) fn expand(all: &mut [Section], files: ReadFiles<'_>, notes: &mut Notes) {
    let is_backend = |section: &&Section| matches!(section.kind(), "backend" | "listen");
    let backends: Vec<String> = all.iter().filter(is_backend).map(|section| section.name().to_owned()).collect();
    let (mut lines_left, mut maps_left) = (MAP_LINES_COUNT_MAX, MAPS_COUNT_MAX);
    for section in all.iter_mut() {
        let fallback =
            section.lines.iter().find(|line| line.words.first().is_some_and(|word| word == "default_backend"));
        let fallback = fallback.and_then(|line| line.words.get(1)).cloned();
        let mut lines = Vec::new();
        for line in std::mem::take(&mut section.lines) {
            let Some(lookup) = lookup(&line).filter(|_| maps_left > 0) else {
                lines.push(line);
                continue;
            };
            maps_left -= 1;
            match entries(&lookup, files, lines_left) {
                Ok(found) => {
                    lines_left -= found.len();
                    let missing = found.iter().filter(|(_, name)| !backends.contains(name)).count();
                    if missing > 0 {
                        line.left_out(
                            &format!("carried over without {missing} lines of the map, whose backends are not here"),
                            notes,
                        );
                    }
                    let found = found.into_iter().filter(|(_, name)| backends.contains(name));
                    let last =
                        lookup.default.clone().filter(|name| backends.contains(name)).or_else(|| fallback.clone());
                    lines.extend(rules(&line, &lookup, found.collect(), last));
                }
                Err(why) => {
                    line.left_out(&format!("{why}; migrate again where the map is there"), notes);
                    lines.push(line);
                }
            }
        }
        section.lines = lines;
    }
}

/// Reads a line that names its backend by a map; `None` for others.
fn lookup(line: &Line) -> Option<Lookup> {
    let words = line.all();
    let ["use_backend", name, rest @ ..] = words.as_slice() else { return None };
    // What is for several cases would have to be said for each.
    let is_plain = matches!(rest, [] | ["if", ..]) && !rest.contains(&"or") && !rest.contains(&"||");
    let (before, call) = name.strip_prefix("%[")?.strip_suffix(")]").filter(|_| is_plain)?.rsplit_once('(')?;
    let (fetch, converter) = before.rsplit_once(',')?;
    let (file, default) = call.split_once(',').map_or((call, None), |(file, default)| (file, Some(default.to_owned())));
    let mut parts = fetch.split(',');
    let stem = match parts.next()?.to_ascii_lowercase().as_str() {
        "req.hdr(host)" | "hdr(host)" | "req.fhdr(host)" => "hdr",
        "path" => "path",
        _ => return None,
    };
    let mut is_any_case = stem == "hdr";
    // The port is no part of a host: field(1,:) takes it away.
    for part in parts {
        match part {
            "lower" => is_any_case = true,
            "host_only" | "field(1" | ":)" | "':')" if stem == "hdr" => {}
            _ => return None,
        }
    }
    let way = match converter.strip_prefix("map")? {
        "" | "_str" => "",
        way @ ("_beg" | "_end" | "_dom" | "_sub" | "_dir" | "_reg") => way,
        _ => return None,
    };
    let argument = if stem == "hdr" { "(host)" } else { "" };
    let test = format!("{stem}{way}{argument}");
    Some(Lookup { test, is_any_case, is_longest: way == "_beg", file: file.to_owned(), default })
}

/// Returns the entries of a map and their backends, in the order in which they are asked.
fn entries(lookup: &Lookup, files: ReadFiles<'_>, lines_max: usize) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for (_, text) in files(&lookup.file)? {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            if found.len() >= lines_max {
                return Err(format!("not carried over: maps have more than {MAP_LINES_COUNT_MAX} lines"));
            }
            found.push((key.to_owned(), value.trim().to_owned()));
        }
    }
    if lookup.is_longest {
        found.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
    }
    Ok(found)
}

/// Returns the rules of a line; the last one is for what the map does not have.
fn rules(line: &Line, lookup: &Lookup, found: Vec<(String, String)>, last: Option<String>) -> Vec<Line> {
    let condition = line.words.iter().skip(3);
    let mut rules = Vec::new();
    for (key, name) in found {
        let flag = lookup.is_any_case.then(|| "-i".to_owned());
        let test =
            ["{".to_owned(), lookup.test.clone()].into_iter().chain(flag).chain(["--".to_owned(), key, "}".to_owned()]);
        let words = ["use_backend".to_owned(), name, "if".to_owned()].into_iter().chain(test);
        rules.push(Line { words: words.chain(condition.clone().cloned()).collect(), place: line.place });
    }
    if let Some(name) = last {
        let words = ["use_backend".to_owned(), name].into_iter().chain(line.words.iter().skip(2).cloned());
        rules.push(Line { words: words.collect(), place: line.place });
    }
    rules
}
