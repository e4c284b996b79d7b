//! `fosse fmt` on files of people.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::{Command, Output, Stdio};

use fosse_harness::{Dir, fosse, is_root, programs};

const UNTIDY: &str = "# mine\n[[listen]]\naddress=\"127.0.0.1:9\" # here\n\n\n[[site]]\n  default = true\n  backend = \"app\"\n\
    [[backend]]\nname = \"app\"\nservers = [ \"unix:/s\" ]\n";
const TIDY: &str = "# mine\n[[listen]]\naddress = \"127.0.0.1:9\" # here\n\n[[site]]\ndefault = true\nbackend = \"app\"\n\n\
    [[backend]]\nname = \"app\"\nservers = [\"unix:/s\"]\n";

fn said(output: &Output) -> (Option<i32>, String) {
    let words = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), words)
}

#[test]
fn a_file_is_replaced_with_its_rights_and_its_link_stays() {
    let dir = Dir::new();
    let (file, link) = (dir.join("fosse.toml"), dir.join("link.toml"));
    fs::write(&file, UNTIDY).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let owner = if is_root() { 4242 } else { fs::metadata(&file).unwrap().uid() };
    std::os::unix::fs::chown(&file, Some(owner), None).unwrap();
    symlink("fosse.toml", &link).unwrap();
    let path = link.to_string_lossy().into_owned();
    assert_eq!(said(&fosse(&["fmt", "--check", &path])), (Some(1), format!("{path}:3: has another layout\n")));
    assert_eq!(fs::read_to_string(&file).unwrap(), UNTIDY);
    assert_eq!(said(&fosse(&["fmt", &path])), (Some(0), format!("{path}\n")));
    let facts = fs::metadata(&file).unwrap();
    assert_eq!((fs::read_to_string(&file).unwrap().as_str(), facts.mode() & 0o777, facts.uid()), (TIDY, 0o640, owner));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(said(&fosse(&["fmt", "--check", &path])), (Some(0), String::new()));
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_is_no_toml_stays_as_it_is_and_the_others_are_laid_out() {
    let dir = Dir::new();
    let (broken, untidy) = (dir.join("broken.toml"), dir.join("untidy.toml"));
    fs::write(&broken, "[[listen]\n").unwrap();
    fs::write(&untidy, UNTIDY).unwrap();
    let path = |file: &std::path::Path| file.to_string_lossy().into_owned();
    let (status, words) = said(&fosse(&["fmt", &path(&broken), &path(&untidy)]));
    assert_eq!(status, Some(100), "{words}");
    assert!(words.contains("broken.toml:1:10: unclosed array table") && words.contains("^"), "{words}");
    assert_eq!(fs::read_to_string(&broken).unwrap(), "[[listen]\n");
    assert_eq!(fs::read_to_string(&untidy).unwrap(), TIDY);
}

#[test]
fn the_standard_input_goes_to_the_standard_output() {
    let mut command = Command::new(programs().join("fosse"));
    let mut child = command.args(["fmt", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(UNTIDY.as_bytes()).unwrap();
    assert_eq!(said(&child.wait_with_output().unwrap()), (Some(0), TIDY.to_owned()));
}
