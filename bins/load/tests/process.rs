//! fosse-load as a process: what it reads, what it refuses to, and that nothing is written by
//! halves.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fosse_bundle::{Bundle, Part, Parts};
use fosse_cidr::{List, Verdict};
use fosse_settings::{Load, LoadList};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

/// A directory of rules that everybody may read, gone at the end.
struct Rules(PathBuf);

impl Rules {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("fosse-load-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let rules = Self(root);
        fs::set_permissions(&rules.0, fs::Permissions::from_mode(0o755)).unwrap();
        for (name, text) in files {
            rules.write(name, text.as_bytes());
        }
        rules
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn load(&self, patterns: &[&str]) -> Output {
        load(&self.0, patterns)
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load(directory: &Path, patterns: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fosse-load")).arg("--dir").arg(directory).args(patterns).output().unwrap()
}

fn bundle(output: &Output) -> Bundle {
    assert_eq!(output.status.code(), Some(0), "{}", words(output));
    match Parts::decode(&output.stdout).unwrap().parts.as_slice() {
        [Part::Rules(bytes), ..] => Bundle::decode(bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(100), "{}", words(output));
    assert!(output.stdout.is_empty(), "nothing by halves");
    words(output)
}

#[test]
fn patterns_includes_and_data_come_in_order_and_once() {
    let rules = Rules::new(
        "all",
        &[
            ("main.conf", "Include rules/*.conf\nIncludeOptional none/*.conf\n"),
            ("rules/b.conf", "SecRule ARGS \"@pmFromFile words.data\" \"id:1\"\nInclude ../main.conf\n"),
            ("rules/a.conf", "SecRule ARGS \"!@ipMatchFromFile ../nets.txt\" \"id:2\"\n"),
            ("rules/words.data", "one\n"),
            ("rules/.hidden.conf", "Include /etc/passwd\n"),
            ("nets.txt", "10.0.0.0/8\n"),
            ("unused.conf", "x\n"),
        ],
    );
    let bundle = bundle(&rules.load(&["rules/*.conf", "main.conf"]));
    assert_eq!(bundle.sets[0].entries, ["rules/a.conf", "rules/b.conf", "main.conf"]);
    let names: Vec<&str> = bundle.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["main.conf", "nets.txt", "rules/a.conf", "rules/b.conf", "rules/words.data"]);
    assert_eq!(bundle.files["rules/words.data"], b"one\n");
}

#[test]
fn a_pattern_may_name_the_directory_itself_by_its_whole_path() {
    let rules = Rules::new("whole", &[("a.conf", "# x\n"), ("b.conf", "# y\n")]);
    let whole = rules.0.canonicalize().unwrap();
    let pattern = whole.join("*.conf").to_string_lossy().into_owned();
    let bundle = bundle(&rules.load(&[&pattern]));
    assert_eq!(bundle.files.len(), 2);
    let directory = whole.to_string_lossy().into_owned();
    assert!(refused(&rules.load(&[&directory])).contains("it is a directory"));
}

#[test]
fn a_missing_file_is_reported_where_it_is_named() {
    let rules = Rules::new(
        "missing",
        &[("a.conf", "# x\nSecRule ARGS \\\n   \"@pmf gone.data\" \"id:1\"\nInclude no/*.conf\n")],
    );
    let words = refused(&rules.load(&["a.conf", "gone.conf", "z*.conf"]));
    let expected = "gone.conf: there is no such file\n";
    assert!(words.contains(expected), "{words}");
    assert!(words.contains("z*.conf: no file has such a name\n"), "{words}");
    assert!(words.contains("a.conf:3:4: there is no file gone.data, neither beside a.conf nor in the first directory\n 3 |    \"@pmf gone.data\" \"id:1\"\n   |    ^\n"), "{words}");
    assert!(words.contains("a.conf:4:9: no file has a name like no/*.conf\n"), "{words}");
    assert!(words.ends_with("fosse-load: fatal: 4 files are not as they should be; nothing was changed\n"), "{words}");
}

#[test]
fn nothing_leads_out_of_the_directories() {
    let rules = Rules::new("outside", &[("a.conf", "Include /etc/pass*\nSecRule ARGS \"@pmf ../../etc/passwd\"\n")]);
    symlink("/etc/passwd", rules.0.join("link.conf")).unwrap();
    symlink("..", rules.0.join("up")).unwrap();
    let words = refused(&rules.load(&["a.conf", "link.conf", "/etc/passwd", "../x", "up/x.conf"]));
    assert_eq!(words.matches("it is outside of ").count(), 6, "{words}");
}

#[test]
fn only_regular_files_of_trusted_owners_are_read() {
    let rules = Rules::new(
        "kinds",
        &[("dir/a.conf", ""), ("open.conf", ""), ("closed.conf", ""), ("link-to.conf", ""), ("a[1].conf", "")],
    );
    fs::set_permissions(rules.0.join("open.conf"), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(Command::new("mkfifo").arg(rules.0.join("pipe.conf")).status().unwrap().success());
    symlink("link-to.conf", rules.0.join("inside.conf")).unwrap();
    let words = refused(&rules.load(&["dir", "open.conf", "pipe.conf", "inside.conf", "a?1?.conf"]));
    assert!(words.contains("dir: it is a directory; name its files, as in DIRECTORY/*.conf\n"), "{words}");
    assert!(words.contains("open.conf: everybody may write to it"), "{words}");
    assert!(words.contains("pipe.conf: it is not a regular file\n"), "{words}");
    assert!(words.contains("4 files"), "a link that stays inside is fine: {words}");
}

#[test]
fn another_users_file_is_refused() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give files away");
        return;
    }
    let rules = Rules::new("owner", &[("a.conf", ""), ("b.conf", "")]);
    std::os::unix::fs::chown(rules.0.join("a.conf"), Some(12345), None).unwrap();
    fs::set_permissions(rules.0.join("b.conf"), fs::Permissions::from_mode(0o600)).unwrap();
    let words = refused(&rules.load(&["*.conf"]));
    assert!(words.contains("a.conf: it belongs to UID 12345; give it to root\n"), "{words}");
    assert!(words.contains("b.conf: permission denied; let everybody read it and its directories\n"), "{words}");
}

#[test]
fn odd_file_names_do_not_reach_the_terminal() {
    let rules = Rules::new("odd", &[("a.conf", "Include \"\u{1b}[31m\u{7}x\"\n")]);
    let words = refused(&rules.load(&["a.conf"]));
    assert!(words.chars().all(|one| one == '\n' || !one.is_control()), "{words:?}");
}

/// A copy that a child gets, above the numbers that the shell below uses.
fn inheritable(fd: BorrowedFd<'_>) -> OwnedFd {
    let copy = fcntl_dupfd_cloexec(fd, 100).unwrap();
    fcntl_setfd(&copy, FdFlags::empty()).unwrap();
    copy
}

/// Runs with a blob on fd 5, as start does it.
fn with_blob(directory: &Path, task: &Load) -> Output {
    let blob = inheritable(fosse_sys::memfd::sealed("load", &fosse_wire::blob::encode(task).unwrap()).unwrap().as_fd());
    let directory_fd = inheritable(File::open(directory).unwrap().as_fd());
    let script = format!(
        "exec \"$0\" --dir-fd 9=/rules \"$@\" 5</proc/self/fd/{} 9</proc/self/fd/{}",
        blob.as_raw_fd(),
        directory_fd.as_raw_fd()
    );
    Command::new("sh").arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_fosse-load")).output().unwrap()
}

#[test]
fn a_blob_names_rule_sets_and_lists() {
    let rules = Rules::new(
        "blob",
        &[
            ("a.conf", ""),
            ("deny.txt", "10.0.0.0/8 # ten\n"),
            ("more.txt", "2001:db8::/32\n"),
            ("allow.txt", "10.1.0.0/16\n"),
        ],
    );
    let list = |listener, allow, path: &str| LoadList { listener, allow, path: path.into() };
    let lists = vec![
        list(0, false, "deny.txt"),
        list(0, false, "/rules/more.txt"),
        list(0, true, "allow.txt"),
        list(u16::MAX, false, "more.txt"),
    ];
    let output = with_blob(
        &rules.0,
        &Load { rules: vec!["a.conf".into(), "*.conf\n/rules/a.conf".into()], lists, ..Load::default() },
    );
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let parts = Parts::decode(&output.stdout).unwrap().parts;
    let [Part::Rules(bytes), Part::Addresses { listener: 0, image }, Part::Addresses { listener: u16::MAX, .. }] =
        parts.as_slice()
    else {
        panic!("{parts:?}");
    };
    let bundle = Bundle::decode(bytes).unwrap();
    assert_eq!(bundle.sets[1].entries, ["a.conf", "/rules/a.conf"]);
    let judged = List::open(image).unwrap();
    let verdict = |address: &str| judged.judge(address.parse().unwrap());
    assert_eq!(verdict("10.2.3.4"), Verdict::Denied);
    assert_eq!(verdict("10.1.3.4"), Verdict::Allowed);
    assert_eq!(verdict("2001:db8::1"), Verdict::Denied);
    assert_eq!(verdict("192.0.2.1"), Verdict::Unlisted);
}

#[test]
fn a_mistake_in_a_list_names_its_place() {
    let rules = Rules::new("list", &[("deny.txt", "# mine\n 10.0.0.0/8\n  10.0.0.300\n")]);
    let lists = vec![LoadList { listener: 0, allow: false, path: "deny.txt".into() }];
    let words = refused(&with_blob(&rules.0, &Load { lists, ..Load::default() }));
    assert!(words.starts_with("deny.txt:3:3: 10.0.0.300: "), "{words}");
    assert!(words.contains("\n 3 |   10.0.0.300\n   |   ^\n"), "{words}");
}

#[test]
fn an_empty_task_is_an_empty_bundle() {
    let rules = Rules::new("empty", &[]);
    assert_eq!(bundle(&with_blob(&rules.0, &Load::default())), Bundle::default());
}

#[test]
fn included_files_of_a_configuration_are_all_that_is_gathered() {
    let sites = Rules::new("included", &[("conf.d/b.toml", "b"), ("conf.d/a.toml", "a"), ("last.toml", "")]);
    let names = ["conf.d/*.toml", "none/*.toml", "conf.d/a.toml", "last.toml"].map(String::from).to_vec();
    let includes = |includes| Load { includes, rules: vec!["builtin".into()], ..Load::default() };
    let output = with_blob(&sites.0, &includes(names));
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let bundle = Bundle::decode(&output.stdout).unwrap();
    let found = [("conf.d/a.toml", &b"a"[..]), ("conf.d/b.toml", b"b"), ("last.toml", b"")];
    assert_eq!((bundle.entries_in_order(), bundle.sets.len(), bundle.files.len()), (found.to_vec(), 4, 3));
    let missing = refused(&with_blob(&sites.0, &includes(vec!["missing.toml".into()])));
    assert!(missing.starts_with("missing.toml: there is no such file\n"), "{missing}");
    sites.write("conf.d/long.toml", &vec![b'#'; fosse_model::CONFIGURATION_BYTES_MAX]);
    let long = refused(&with_blob(&sites.0, &includes(vec!["conf.d/*.toml".into()])));
    assert!(long.starts_with("conf.d/long.toml: it is longer than 4194302 bytes\n"), "{long}");
}

#[test]
fn the_core_rule_set_is_gathered_whole() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/crs4"));
    if !corpus.is_dir() {
        println!("skipped: no corpus at {}", corpus.display());
        return;
    }
    let bundle = bundle(&load(corpus, &["crs-setup.conf.example", "rules/*.conf"]));
    let rules: String = bundle
        .files
        .iter()
        .filter(|(name, _)| name.ends_with(".conf"))
        .map(|(_, text)| String::from_utf8_lossy(text))
        .collect();
    let mut data = 0;
    for entry in fs::read_dir(corpus.join("rules")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let named = name.ends_with(".data") && rules.contains(&format!("FromFile {name}\""));
        assert_eq!(bundle.files.contains_key(&format!("rules/{name}")), named || name.ends_with(".conf"), "{name}");
        data += u32::from(named);
    }
    assert!(data >= 15, "{data} data files");
    assert_eq!(bundle.sets[0].entries.first().map(String::as_str), Some("crs-setup.conf.example"));
}

#[test]
fn a_wrong_command_line_is_refused() {
    for words in [["--dir-fd", "x=/"].as_slice(), &["--dir", "/nonexistent", "a"], &["--nothing", "a"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_fosse-load")).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(100), "{words:?}");
    }
}

#[test]
fn what_the_configuration_names_is_what_is_gathered() {
    let rules = Rules::new(
        "whole",
        &[("setup.conf", ""), ("crs/a.conf", ""), ("crs/b.conf", ""), ("deny.txt", "192.0.2.0/24\n")],
    );
    let text = "deny = [\"deny.txt\"]\n[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\ndefault = true\nbackend = \"app\"\n\
        rules = [\"setup.conf\", \"crs/*.conf\"]\n[[backend]]\nname = \"app\"\nservers = [\"unix:/run/app.sock\"]\n";
    let plan = fosse_model::compile("fosse.toml", text.as_bytes(), &Default::default()).unwrap();
    let task = fosse_wire::blob::decode::<Load>(plan.blob(fosse_wire::launch::Program::Load)).unwrap();
    let output = with_blob(&rules.0, &task);
    assert_eq!(bundle(&output).sets[0].entries, ["setup.conf", "crs/a.conf", "crs/b.conf"]);
    let parts = Parts::decode(&output.stdout).unwrap().parts;
    assert!(matches!(parts.as_slice(), [Part::Rules(_), Part::Addresses { listener: u16::MAX, .. }]), "{parts:?}");
}
