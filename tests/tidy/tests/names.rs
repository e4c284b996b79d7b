//! One name everywhere. A program's directory, crate, first line, policy and manual page are found
//! by its name.

use fosse_tidy::{WINGS, directories, files, libraries, none, read};

/// fosse-start makes the other programs: what it gives up stands in
/// common/process/lockdown/src/launcher.rs. fosse is an ordinary command, fosse-canary puts up
/// every other program's walls.
const WITHOUT_POLICY: [&str; 3] = ["canary", "fosse", "start"];

fn program(directory: &str) -> String {
    if directory == "fosse" { "fosse".to_owned() } else { format!("fosse-{directory}") }
}

fn manual(directory: &str) -> String {
    if directory == "fosse" { "man/fosse.1".to_owned() } else { format!("man/fosse-{directory}.8") }
}

#[test]
fn a_crate_has_the_name_of_its_directory() {
    let mut wrong = Vec::new();
    let programs = directories("bins").into_iter().map(|name| (format!("bins/{name}"), program(&name)));
    let library = |place: &str| format!("fosse-{}", place.rsplit('/').next().unwrap_or_default());
    let libraries = libraries().into_iter().map(|place| (format!("common/{place}"), library(&place)));
    let tests = directories("tests").into_iter().map(|name| (format!("tests/{name}"), format!("fosse-{name}")));
    for (place, expected) in programs.chain(libraries).chain(tests) {
        let manifest = read(&format!("{place}/Cargo.toml"));
        if !manifest.contains(&format!("name = \"{expected}\"\n")) {
            wrong.push(format!("{place} is not {expected}"));
        }
        if !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{place} has not the lints of the workspace"));
        }
    }
    none("names", &wrong);
}

#[test]
fn no_crate_is_called_common_or_util_or_core() {
    let vague = ["common", "util", "utils", "core", "misc", "shared", "helpers"];
    none(
        "names that say nothing",
        &libraries().into_iter().filter(|place| place.split('/').any(|n| vague.contains(&n))).collect::<Vec<_>>(),
    );
}

#[test]
fn every_wing_says_whom_its_code_trusts() {
    let says = |wing: &&&str| read(&format!("common/{wing}/README.md")).contains("Trusts");
    none("wings", &WINGS.iter().filter(|wing| !says(wing)).map(|wing| (*wing).to_owned()).collect::<Vec<_>>());
    let entries = std::fs::read_dir(fosse_tidy::top().join("common")).expect("common/");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    none("folders that are no wing", &names.filter(|name| !WINGS.contains(&&**name)).collect::<Vec<_>>());
}

#[test]
fn the_first_line_of_a_program_says_its_name_and_what_it_does() {
    let says = |name: &str| {
        let main = read(&format!("bins/{name}/src/main.rs"));
        main.lines().next().is_some_and(|line| line.starts_with(&format!("//! {}: ", program(name))))
    };
    none("main.rs", &directories("bins").into_iter().filter(|name| !says(name)).collect::<Vec<_>>());
}

#[test]
fn every_program_has_a_policy_and_a_manual_page() {
    let mut missing = Vec::new();
    for name in directories("bins") {
        let policy = format!("bins/{name}/src/policy.rs");
        if read(&policy).is_empty() && !WITHOUT_POLICY.contains(&&*name) {
            missing.push(policy);
        }
        let page = read(&manual(&name));
        let titled = page.contains(&format!(".Dt {} ", program(&name).to_uppercase()));
        if !titled || !page.contains(&format!(".Nm {}\n", program(&name))) {
            missing.push(manual(&name));
        }
    }
    none("missing", &missing);
}

#[test]
fn every_manual_page_of_ours_is_about_something_that_is_there() {
    let pages: Vec<String> = files().into_iter().map(|f| f.path).filter(|path| path.starts_with("man/")).collect();
    let programs: Vec<String> = directories("bins").iter().map(|name| manual(name)).collect();
    let others = ["man/fosse-frames.7", "man/fosse-limits.7", "man/fosse-log.5", "man/fosse.toml.5"];
    let known = |path: &String| programs.contains(path) || others.contains(&&**path);
    none("pages about nothing", &pages.iter().filter(|path| !known(path)).cloned().collect::<Vec<_>>());
    none(
        "pages that are missing",
        &others.iter().filter(|o| !pages.iter().any(|p| p == *o)).map(|o| (*o).to_owned()).collect::<Vec<_>>(),
    );
}

#[test]
fn manual_pages_refer_to_pages_that_exist() {
    let files = files();
    let mut wrong = Vec::new();
    for page in files.iter().filter(|file| file.path.starts_with("man/")) {
        for line in page.text.lines().filter_map(|line| line.strip_prefix(".Xr fosse")) {
            let mut words = line.split(' ');
            let (name, section) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let target = format!("man/fosse{name}.{section}");
            if !files.iter().any(|file| file.path == target) {
                wrong.push(format!("{}: {target}", page.path));
            }
        }
    }
    none("references", &wrong);
}

#[test]
fn links_of_the_pages_for_people_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in files().iter().filter(|file| file.path.ends_with(".md")) {
        let directory = page.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        for link in fosse_tidy::source::words_after(&page.text, "](", |c| c != ')') {
            let file = link.split('#').next().unwrap_or_default();
            let path = fosse_tidy::top().join(directory).join(file);
            if !file.is_empty() && !link.contains("://") && !path.exists() {
                wrong.push(format!("{}: {link}", page.path));
            }
        }
    }
    none("links", &wrong);
}
