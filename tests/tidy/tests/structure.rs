//! The shape of the tree: no circle of imports, no program inside another, files and mains of a
//! size that can be read.

use fosse_tidy::exceptions::only;
use fosse_tidy::imports::Imports;
use fosse_tidy::{directories, files, libraries, read};

/// Every crate's directory of products.
fn crates() -> Vec<String> {
    let programs = directories("bins").into_iter().map(|name| format!("bins/{name}"));
    programs.chain(libraries().into_iter().map(|place| format!("common/{place}"))).collect()
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let files = files();
    let mut found = Vec::new();
    for place in crates() {
        let circles = Imports::of_crate(&files, &format!("{place}/src/")).circles();
        found.extend(circles.into_iter().map(|circle| format!("{place}: {circle}")));
    }
    only("circles", &[], &found);
}

#[test]
fn no_program_links_another() {
    let names: Vec<String> = directories("bins").iter().map(|name| format!("fosse-{name}")).collect();
    let mut found = Vec::new();
    for name in directories("bins") {
        let manifest = read(&format!("bins/{name}/Cargo.toml"));
        let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
        let lines = section.lines().take_while(|line| !line.starts_with('['));
        let dependency = |line: &str| line.split(['.', ' ']).next().unwrap_or_default().to_owned();
        found.extend(lines.map(dependency).filter(|d| names.contains(d)).map(|d| format!("{name} {d}")));
    }
    // The canary puts up the walls of every other program: it takes their policies, and nothing
    // else of them.
    found.retain(|line| !line.starts_with("canary "));
    only("programs in programs", &[], &found);
}

/// A file above this is more than one idea.
const FILE_LINES_MAX: usize = 400;

#[test]
fn no_file_of_a_product_is_too_long() {
    let long = files().into_iter().filter(|file| file.is_source() && file.text.lines().count() > FILE_LINES_MAX);
    only("long files", &[], &long.map(|file| file.path).collect::<Vec<_>>());
}

/// Mains that are still more than one screen.
const LONG_MAINS: &[&str] = &[];

/// A main.rs is one screen.
const MAIN_LINES_MAX: usize = 40;

#[test]
fn a_main_is_one_screen() {
    let path = |name: String| format!("bins/{name}/src/main.rs");
    let is_long = |path: &String| read(path).lines().count() > MAIN_LINES_MAX;
    let long = directories("bins").into_iter().map(path).filter(is_long);
    only("long mains", LONG_MAINS, &long.collect::<Vec<_>>());
}

/// What a line makes public: the kind and the name of an item at the beginning of a line.
fn public_item(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub ")?;
    let rest = ["const ", "unsafe ", "async "].iter().fold(rest, |rest, word| {
        if rest.starts_with("const fn") || *word != "const " { rest.strip_prefix(word).unwrap_or(rest) } else { rest }
    });
    let kinds = ["fn ", "struct ", "enum ", "trait ", "const ", "static ", "type "];
    let named = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    let end = named.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(named.len());
    named.get(..end).filter(|name| !name.is_empty())
}

/// What the public items of a file say of themselves: signatures without bodies, and fields.
fn public_signatures(text: &str) -> String {
    let parts =
        text.split("\n").enumerate().filter(|(_, line)| line.trim_start().starts_with("pub ")).map(|(at, _)| at);
    let lines: Vec<&str> = text.split('\n').collect();
    let mut out = String::new();
    for at in parts {
        for (below, line) in lines[at..].iter().take(12).enumerate() {
            // The name that the item itself has is no use of it.
            let line = if below == 0 {
                public_item(line).map_or((*line).to_owned(), |own| line.replacen(own, "", 1))
            } else {
                (*line).to_owned()
            };
            out.push_str(&line);
            out.push('\n');
            if line.contains(['{', ';']) || line.trim_end().ends_with(',') && below == 0 {
                break;
            }
        }
    }
    out
}

/// Crates in which something is still public for nobody.
const PUBLIC_FOR_NOBODY: &[&str] = &["bins/frames", "bins/waf-filter", "common/config/model", "common/waf/seclang"];

#[test]
fn what_is_public_is_named_outside_of_its_crate() {
    let files: Vec<_> = files().into_iter().filter(|file| file.path.ends_with(".rs")).collect();
    let words = |text: &str| -> std::collections::HashSet<String> {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(str::to_owned).collect()
    };
    let said: Vec<(String, _)> = files.iter().map(|file| (file.path.clone(), words(&file.text))).collect();
    let mut found = Vec::new();
    for place in crates() {
        let src = format!("{place}/src/");
        // A program's main.rs stands outside of its library.
        let is_outside = |path: &String| !path.starts_with(&src) || path.ends_with("/src/main.rs");
        let outside: Vec<_> = said.iter().filter(|(path, _)| is_outside(path)).collect();
        // A type that a public function takes or gives is seen outside though nobody has to name
        // it.
        let inside = files.iter().filter(|file| file.path.starts_with(&src));
        let signatures: Vec<_> = inside.map(|file| words(&public_signatures(file.without_tests()))).collect();
        let is_seen = |name: &str| name.starts_with(char::is_uppercase) && signatures.iter().any(|s| s.contains(name));
        for file in files.iter().filter(|file| file.path.starts_with(&src)) {
            for name in file.without_tests().lines().filter_map(public_item) {
                if !is_seen(name) && !outside.iter().any(|(_, words)| words.contains(name)) {
                    println!("{}: {name}", file.path);
                    found.push(place.clone());
                }
            }
        }
    }
    found.dedup();
    only("crates with items that are public for nobody", PUBLIC_FOR_NOBODY, &found);
}
