//! fosse-config as a process: all or nothing on fd 1, every reason on fd 2, exit codes that a
//! supervisor understands.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use fosse_plan::Plan;
use fosse_settings::Load;
use fosse_wire::launch::Program;

const GOOD: &str = "[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\nhosts = [\"example.org\"]\nbackend = \"app\"\n\
    [[backend]]\nname = \"app\"\nservers = [\"unix:/run/app.sock\"]\n";

fn run(program: &mut Command, input: &[u8]) -> Output {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that refuses its command line does not read.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn config(words: &[&str], input: &[u8]) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_fosse-config")).args(words), input)
}

#[test]
fn a_sound_configuration_becomes_a_plan_and_no_words() {
    let output = config(&[], GOOD.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let plan = Plan::decode(&output.stdout).unwrap();
    assert_eq!((plan.listeners.len(), plan.blobs.len()), (1, 6));
}

#[test]
fn files_that_are_included_are_asked_for_by_a_plan_of_nothing_else() {
    let text = format!("include = [\"${{DIRECTORY}}/*.toml\"]\n{GOOD}");
    let mut program = Command::new(env!("CARGO_BIN_EXE_fosse-config"));
    let output = run(program.env("DIRECTORY", "sites"), text.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let plan = Plan::decode(&output.stdout).unwrap();
    let load: Load = fosse_wire::blob::decode(plan.blob(Program::Load)).unwrap();
    assert_eq!((plan.includes, plan.blobs.len(), load.includes), (true, 1, vec!["sites/*.toml".to_owned()]));
    let without = config(&[], text.as_bytes());
    let words = String::from_utf8_lossy(&without.stderr).into_owned();
    assert_eq!(without.status.code(), Some(100));
    assert!(words.starts_with("fosse.toml:1:12: there is no DIRECTORY in the environment"), "{words}");
}

#[test]
fn a_mistake_gives_no_plan_every_reason_and_100() {
    let text = GOOD.replace("127.0.0.1", "0.0.0.0") + "peer_uid = \"nobody-of-that-name\"\nretry = 1\n";
    let output = config(&["--name", "/etc/fosse/fosse.toml"], text.as_bytes());
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(100));
    assert!(output.stdout.is_empty());
    assert!(
        words.contains(
            "/etc/fosse/fosse.toml:2:11: other machines can reach 0.0.0.0:8080; if that is meant, add public = true\n"
        ),
        "{words}"
    );
    assert!(
        words.contains("/etc/fosse/fosse.toml:10:9: retry takes a table, true or false, this is a number\n"),
        "{words}"
    );
    assert!(words.ends_with("fosse-config: fatal: 2 problems in the configuration; nothing was changed\n"), "{words}");
}

#[test]
fn names_of_users_are_looked_up_behind_the_lock() {
    let text = GOOD.to_owned() + "peer_uid = \"root\"\n";
    assert_eq!(config(&[], text.as_bytes()).status.code(), Some(0));
    let output = config(&[], (GOOD.to_owned() + "peer_uid = \"rooot\"\n").as_bytes());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("there is no user \"rooot\"; did you mean \"root\"?"), "{words}");
}

#[test]
fn an_unknown_word_on_the_command_line_is_refused() {
    let output = config(&["--nam", "x"], b"");
    assert_eq!(output.status.code(), Some(100));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("fosse-config: usage: "));
}

#[test]
fn a_configuration_without_end_is_refused_and_not_held() {
    let output = config(&[], &vec![b'#'; 9 << 20]);
    assert_eq!(output.status.code(), Some(100));
    assert!(String::from_utf8_lossy(&output.stderr).contains("longer than"));
}

/// Needs strace; without it the test says so and passes.
#[test]
fn nothing_is_read_before_the_lock() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    let output = run(
        Command::new("strace").args(["-e", "trace=read,pread64,seccomp", env!("CARGO_BIN_EXE_fosse-config")]),
        GOOD.as_bytes(),
    );
    let trace = String::from_utf8_lossy(&output.stderr).into_owned();
    let lock = trace.find("seccomp(SECCOMP_SET_MODE_FILTER").expect("the lock");
    assert!(!trace[..lock].contains("read(0"), "{trace}");
    assert!(trace[lock..].contains("read(0"), "{trace}");
}
