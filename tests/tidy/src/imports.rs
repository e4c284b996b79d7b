//! Which file of a crate imports which, read from the text: `crate::`, `super::` and paths that
//! begin with a child module.

use std::collections::{BTreeMap, BTreeSet};

use crate::File;
use crate::source::code;

/// The files of one crate's `src/`, and what each names of the others.
#[derive(Debug, Default)]
pub struct Imports {
    /// Module path (empty for the root) to the names it re-exports, each with the module it comes
    /// from.
    reexports: BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>,
    modules: BTreeSet<Vec<String>>,
    /// Module path to the modules it imports.
    edges: BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
}

impl Imports {
    /// Reads the crate whose sources are below `src` (`bins/accept/src/`).
    #[must_use]
    pub fn of_crate(files: &[File], src: &str) -> Self {
        let inside = files.iter().filter(|file| file.path.starts_with(src) && file.path.ends_with(".rs"));
        let sources: Vec<(Vec<String>, String)> = inside
            .filter_map(|file| {
                let module = module_of(file.path.strip_prefix(src)?)?;
                let lines = file.without_tests().lines().map(code).collect::<Vec<_>>();
                Some((module, lines.join("\n")))
            })
            .collect();
        let mut imports =
            Self { modules: sources.iter().map(|(module, _)| module.clone()).collect(), ..Self::default() };
        for (module, text) in &sources {
            let found = imports.reexports_of(module, text);
            imports.reexports.insert(module.clone(), found);
        }
        for (module, text) in &sources {
            let edges = imports.edges_of(module, text);
            imports.edges.insert(module.clone(), edges);
        }
        imports
    }

    /// Returns each circle once, as the modules of its strongly connected part, sorted.
    #[must_use]
    pub fn circles(&self) -> Vec<String> {
        let mut found = BTreeSet::new();
        for module in self.edges.keys() {
            let there = self.reached_from(module);
            if !there.contains(module) {
                continue;
            }
            let part: Vec<String> = there
                .iter()
                .filter(|other| self.reached_from(other).contains(module))
                .map(|path| if path.is_empty() { "lib".to_owned() } else { path.join("::") })
                .collect();
            found.insert(part.join(" "));
        }
        found.into_iter().collect()
    }

    fn reached_from(&self, from: &[String]) -> BTreeSet<Vec<String>> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_vec()]);
        while let Some(module) = open.pop() {
            for next in self.edges.get(&module).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    }

    fn reexports_of(&self, module: &[String], text: &str) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        for (is_public, tree) in uses(text) {
            for path in expanded(&tree).into_iter().filter(|_| is_public) {
                let Some((last, _)) = path.split_last() else { continue };
                if let Some(full) = self.absolute(module, &path) {
                    found.insert(last.clone(), full);
                }
            }
        }
        found
    }

    fn edges_of(&self, module: &[String], text: &str) -> BTreeSet<Vec<String>> {
        let mut paths: Vec<Vec<String>> = Vec::new();
        let mut rest = text.to_owned();
        for (is_public, tree) in uses(text) {
            rest = rest.replace(&tree, "");
            // A re-export names a thing for others; who uses it has the edge.
            if !is_public {
                paths.extend(expanded(&tree));
            }
        }
        paths.extend(inline_paths(&rest));
        let targets = paths.iter().filter_map(|path| self.absolute(module, path)).filter_map(|path| self.home(&path));
        // A module and the files below it are one idea: what its own file defines, they may use.
        targets.filter(|target| !module.starts_with(target)).collect()
    }

    /// A path as it is written in `module`, from the crate's root; `None` for other crates' and
    /// local names.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut from = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module.split_last()?.1.to_vec(),
            child => {
                let mut inner = module.to_vec();
                inner.push(child.to_owned());
                self.modules.contains(&inner).then_some(inner)?
            }
        };
        let mut rest = rest;
        while let Some((up, after)) = rest.split_first().filter(|(up, _)| up.as_str() == "super") {
            let _ = up;
            from.pop();
            rest = after;
        }
        from.extend_from_slice(rest);
        Some(from)
    }

    /// The module that defines what a path from the root names, behind re-exports.
    fn home(&self, path: &[String]) -> Option<Vec<String>> {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let depth = (0..=path.len()).rev().find(|depth| self.modules.contains(&path[..*depth]))?;
            let next = path.get(depth).and_then(|name| self.reexports.get(&path[..depth])?.get(name));
            match next {
                Some(target) => path.splice(..=depth, target.iter().cloned()).for_each(drop),
                None => return Some(path[..depth].to_vec()),
            }
        }
        None
    }
}

/// `transaction/act.rs` is `[transaction, act]`, `transaction/mod.rs` is `[transaction]`, `lib.rs`
/// and `main.rs` are the root.
fn module_of(path: &str) -> Option<Vec<String>> {
    let path = path.strip_suffix(".rs")?;
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    // A program's main.rs stands above its library.
    match parts.last()?.as_str() {
        "main" => return None,
        "lib" | "mod" => drop(parts.pop()),
        _ => {}
    }
    Some(parts)
}

/// Every `use` of a text: whether it is seen outside, and its tree.
fn uses(text: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("use ") {
        let (before, after) = (&rest[..at], &rest[at + 4..]);
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        let end = after.find(';').unwrap_or(after.len());
        if line.is_empty() || line.starts_with("pub") {
            found.push((line.starts_with("pub"), after[..end].to_owned()));
        }
        rest = &after[end.min(after.len())..];
    }
    found
}

/// The paths of a `use` tree, without what they are renamed to.
fn expanded(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.split("::").map(|part| part.trim().to_owned()).filter(|part| part != "*").collect()];
    };
    let head: Vec<String> =
        head.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut parts, mut depth, mut begun) = (Vec::new(), 0, 0);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&inner[begun..at]);
                begun = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[begun..]);
    let with_head = |part: Vec<String>| {
        let rest = if part.first().is_some_and(|first| first == "self") { &part[1..] } else { &part[..] };
        head.iter().chain(rest).cloned().collect()
    };
    parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(expanded).map(with_head).collect()
}

/// Paths with `::` outside of `use`.
fn inline_paths(text: &str) -> Vec<Vec<String>> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c: char| !is_path(c)).filter(|word| word.contains("::"));
    words.map(|word| word.split("::").map(str::to_owned).filter(|part| !part.is_empty()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| File { path: format!("x/src/{path}"), text: (*text).to_owned() };
        Imports::of_crate(&files.iter().map(file).collect::<Vec<_>>(), "x/src/").circles()
    }

    #[test]
    fn a_circle_is_found_through_uses_paths_and_reexports() {
        let two =
            [("lib.rs", "mod a;\nmod b;\n"), ("a.rs", "use crate::b::B;\n"), ("b.rs", "fn f() { crate::a::g() }\n")];
        assert_eq!(circles(&two), ["a b"]);
        let hidden = [
            ("lib.rs", "mod a;\nmod b;\npub use b::{B, C};\n"),
            ("a.rs", "use crate::{B, x::{self}};\n"),
            ("b.rs", "use super::a::{self, A};\n"),
        ];
        assert_eq!(circles(&hidden), ["a b"]);
        let cousins = [
            ("m/mod.rs", "mod c;\nfn f() { c::g() }\n"),
            ("m/c.rs", "use crate::n::N;\n"),
            ("n.rs", "use crate::m::f;\n"),
            ("lib.rs", "mod m;\nmod n;\n"),
        ];
        assert_eq!(circles(&cousins), ["m m::c n"]);
    }

    #[test]
    fn what_is_no_circle_is_not_found() {
        let straight = [
            ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;\n"),
            ("a.rs", "mod c;\nuse crate::b::B;\nuse std::fmt;\nuse c::C;\n"),
            ("a/c.rs", "use super::A;\n"),
            ("b.rs", "//! crate::a\nstruct B;\n#[cfg(test)]\nmod tests { use crate::a; }\n"),
        ];
        assert!(circles(&straight).is_empty());
    }
}
