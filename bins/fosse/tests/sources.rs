//! A configuration of several files, with variables and templates, as a running edge reads it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use fosse_harness::{Backend, Dir, Edge, Response, fosse, programs, request};

const MAIN: &str = "include = [\"conf.d/*.toml\"]\nlanes = \"${LANES:-1}\"\n[[listen]]\naddress = \"{address}\"\n\
    [template.app]\nbackend = \"app\"\nwaf = \"off\"\nmethods = [\"GET\"]\n[[backend]]\nname = \"app\"\n\
    servers = [\"${APP_ADDRESS}\"]\n";
const SITE_A: &str = "[[site]]\nhosts = [\"a.example\"]\ntemplate = \"app\"\n";
const SITE_B: &str = "[[site]]\nhosts = [\"b.example\"]\ntemplate = \"app\"\nmethods = [\"GET\", \"POST\"]\n";

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn asked(edge: &Edge, method: &str, host: &str) -> Response {
    let head = format!("{method} / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    request(edge.address(), head)
}

/// Returns an edge whose configuration includes the sites of one file.
fn edge(backend: &Backend) -> Edge {
    let dir = Dir::new();
    fs::create_dir(dir.join("conf.d")).unwrap();
    fs::write(dir.join("conf.d/10-a.toml"), SITE_A).unwrap();
    fs::write(dir.join("conf.d/10-a.toml~"), "an editor's copy").unwrap();
    Edge::in_directory(dir, MAIN, &[("APP_ADDRESS", &backend.address())])
}

/// Runs `fosse check` on a file in an environment with these variables alone.
fn check(file: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(programs().join("fosse"));
    command.arg("check").arg(file).env_clear().env("FOSSE_PROGRAMS", programs());
    command.envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn sites_of_included_files_are_served_and_a_reload_sees_what_changed_in_them() {
    let backend = Backend::start();
    let edge = edge(&backend);
    assert_eq!(asked(&edge, "GET", "a.example").status, 200, "{}", edge.log());
    assert_eq!(asked(&edge, "GET", "b.example").status, 421);
    fs::write(edge.dir().join("conf.d/20-b.toml"), SITE_B).unwrap();
    // The command knows no APP_ADDRESS: what counts is the environment of the edge.
    let reload = edge.fosse(&["reload"]);
    assert!(reload.status.success(), "{}", said(&reload));
    assert_eq!(asked(&edge, "GET", "b.example").status, 200, "{}", edge.log());
    fs::remove_file(edge.dir().join("conf.d/10-a.toml")).unwrap();
    assert!(edge.fosse(&["reload"]).status.success());
    assert_eq!((asked(&edge, "GET", "a.example").status, asked(&edge, "GET", "b.example").status), (421, 200));
}

#[test]
fn a_site_has_the_keys_of_its_template_unless_it_writes_them() {
    let backend = Backend::start();
    let edge = edge(&backend);
    fs::write(edge.dir().join("conf.d/20-b.toml"), SITE_B).unwrap();
    assert!(edge.fosse(&["reload"]).status.success());
    assert_eq!((asked(&edge, "POST", "a.example").status, asked(&edge, "POST", "b.example").status), (405, 200));
}

#[test]
fn a_mistake_in_an_included_file_is_said_with_its_place_and_what_served_serves() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let broken = edge.dir().join("conf.d/30-c.toml");
    fs::write(&broken, "[[site]]\nhosts = [\"c.example\"]\ntemplate = \"ap\"\nlanes = 2\n").unwrap();
    let reload = edge.fosse(&["reload"]);
    let words = said(&reload);
    assert_eq!(reload.status.code(), Some(100), "{words}");
    let place = broken.display();
    assert!(words.contains(&format!("{place}:3:12: there is no template \"ap\"; did you mean \"app\"?\n")), "{words}");
    assert!(words.contains(&format!("{place}:4:1: unknown key \"lanes\" in [[site]]")), "{words}");
    assert!(words.contains(" 3 | template = \"ap\"\n   |            ^^^^\n"), "{words}");
    assert_eq!(asked(&edge, "GET", "a.example").status, 200);
    fs::write(&broken, "drain_seconds_max = 9\n").unwrap();
    assert!(
        said(&edge.fosse(&["reload"])).contains(":1:1: \"drain_seconds_max\" in an included file; such a file has")
    );
}

#[test]
fn a_check_shows_the_files_and_the_variables_that_are_missing() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let file = edge.dir().join("fosse.toml");
    let sound = check(&file, &[("APP_ADDRESS", &backend.address())]);
    assert!(sound.status.success(), "{}", said(&sound));
    let included = format!("  include  {}\n", edge.dir().join("conf.d/10-a.toml").display());
    assert!(said(&sound).contains(&included), "{}", said(&sound));
    let missing = check(&file, &[("LANES", "many")]);
    let words = said(&missing);
    assert_eq!(missing.status.code(), Some(100), "{words}");
    let expected =
        "there is no APP_ADDRESS in the environment; set it for fosse-start, or write ${APP_ADDRESS:-DEFAULT}";
    assert!(words.contains(expected) && words.contains("fosse.toml:"), "{words}");
    let wrong = check(&file, &[("APP_ADDRESS", "127.0.0.1:1"), ("LANES", "many")]);
    assert!(said(&wrong).contains("lanes takes a whole number, this is a string"), "{}", said(&wrong));
    let mut explain = Command::new(programs().join("fosse"));
    explain.args(["explain", "a.example", "/"]).arg(&file).env("APP_ADDRESS", backend.address());
    let explained = said(&explain.output().unwrap());
    assert!(explained.contains("site      \"a.example\""), "{explained}");
}

#[test]
fn a_file_that_strangers_could_write_or_that_lies_elsewhere_is_not_included() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let link = edge.dir().join("conf.d/40-d.toml");
    symlink("/etc/hostname", &link).unwrap();
    let words = said(&edge.fosse(&["reload"]));
    assert!(words.contains("conf.d/40-d.toml: it is outside of"), "{words}");
    fs::remove_file(&link).unwrap();
    fs::write(&link, "").unwrap();
    fs::set_permissions(&link, fs::Permissions::from_mode(0o666)).unwrap();
    let words = said(&edge.fosse(&["reload"]));
    assert!(words.contains("conf.d/40-d.toml: everybody may write to it"), "{words}");
    assert_eq!(asked(&edge, "GET", "a.example").status, 200);
}

#[test]
fn included_files_may_be_below_directories_of_the_command_line() {
    let (dir, sites) = (Dir::new(), Dir::new());
    let main = MAIN.replace("conf.d/*.toml", &format!("{}/*.toml", sites.path().display()));
    let file = dir.join("fosse.toml");
    fs::write(&file, main.replace("{address}", "127.0.0.1:0").replace("${APP_ADDRESS}", "127.0.0.1:1")).unwrap();
    fs::write(sites.join("a.toml"), SITE_A).unwrap();
    let path = |dir: &Dir| dir.path().to_string_lossy().into_owned();
    let file = file.to_string_lossy().into_owned();
    let text = fs::read_to_string(&file).unwrap().replace(":0\"", ":9\"");
    fs::write(&file, text).unwrap();
    let without = fosse(&["check", &file]);
    assert!(said(&without).contains("it is outside of"), "{}", said(&without));
    let with = fosse(&["check", &file, "--dir", &path(&dir), "--dir", &path(&sites)]);
    assert!(with.status.success(), "{}", said(&with));
}

#[test]
fn an_edge_is_found_by_a_configuration_whose_files_are_below_directories_of_the_command_line() {
    let (backend, more, sites) = (Backend::start(), Dir::new(), Dir::new());
    fs::write(sites.join("a.toml"), SITE_A).unwrap();
    fs::write(more.join("b.toml"), SITE_B).unwrap();
    let path = |dir: &Dir| dir.path().to_string_lossy().into_owned();
    let included = format!("{}/*.toml\", \"{}/*.toml", path(&sites), path(&more));
    let text = MAIN.replace("conf.d/*.toml", &included).replace("${APP_ADDRESS}", &backend.address());
    let edge = Edge::with_config(&text, &["--dir", &path(&more), "--dir", &path(&sites)]);
    let file = edge.dir().join("fosse.toml").to_string_lossy().into_owned();
    let directories = ["--dir", &path(&more), "--dir", &path(&sites)];
    let server = format!("app/{}", backend.address());
    for words in [
        vec!["status"],
        vec!["reload"],
        vec!["reopen"],
        vec!["audit"],
        vec!["drain", &server],
        vec!["ready", &server],
        vec!["weight", &server, "7"],
    ] {
        let found = fosse(&[words.as_slice(), &["--config", &file], &directories].concat());
        assert!(found.status.success(), "{words:?}: {}", said(&found));
        let not_found = fosse(&[words.as_slice(), &["--config", &file, "--dir", &path(&more)]].concat());
        assert!(!not_found.status.success() && said(&not_found).contains("it is outside of"), "{}", said(&not_found));
        let alone = fosse(&[words.as_slice(), &["--dir", &path(&more)]].concat());
        let why = "--dir is for the files of a configuration, and none is named; add --config FILE";
        assert!(!alone.status.success() && said(&alone).contains(why), "{}", said(&alone));
    }
}
