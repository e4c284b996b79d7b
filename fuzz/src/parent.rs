//! All targets, a few at a time, each in its own process; the parent sees those that die or hang.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::PROGRAM;
use crate::corpus::name_of;
use crate::inside::{NOTE_HEADER_BYTES, note_path};
use crate::options::Options;
use crate::targets::Target;

/// A single input that takes longer has been found to hang; the slowest honest ones take some milliseconds.
const INPUT_SECONDS_MAX: u64 = 10;
/// How often processes are looked at.
const LOOK: Duration = Duration::from_millis(50);

struct Running {
    target: &'static Target,
    child: Child,
    runs: u64,
    since: Instant,
}

/// Runs every target; true where none broke a promise.
#[must_use]
pub fn run(options: &Options) -> bool {
    println!(
        "{PROGRAM}: seed {}, {} targets, {:.1} s each",
        options.seed,
        options.targets.len(),
        options.time.as_secs_f32()
    );
    if let Err(error) = std::fs::create_dir_all(&options.findings) {
        fosse_die::fatal(PROGRAM, format_args!("unable to make {}: {error}", options.findings.display()));
    }
    let mut waiting = options.targets.iter().copied();
    let (mut running, mut whole): (Vec<Running>, bool) = (Vec::new(), true);
    loop {
        while running.len() < options.jobs {
            let Some(target) = waiting.next() else { break };
            running.push(start(target, options));
        }
        if running.is_empty() {
            return whole;
        }
        std::thread::sleep(LOOK);
        let mut still = Vec::new();
        for mut one in running {
            match look(&mut one, options) {
                None => still.push(one),
                Some(good) => whole &= good,
            }
        }
        running = still;
    }
}

fn start(target: &'static Target, options: &Options) -> Running {
    let wrong = |error: std::io::Error| -> ! {
        fosse_die::temporary(PROGRAM, format_args!("unable to start a process: {error}"))
    };
    let program = std::env::current_exe().unwrap_or_else(|error| wrong(error));
    let mut command = Command::new(program);
    command.args(["--inside", target.name, "--seed", &options.seed.to_string()]);
    command.args(["--milliseconds", &options.time.as_millis().to_string()]);
    command.arg("--findings").arg(&options.findings);
    if let Some(corpus) = &options.corpus {
        command.arg("--corpus").arg(corpus);
    }
    let child = command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| wrong(error));
    Running { target, child, runs: 0, since: Instant::now() }
}

/// Whether a process has ended, and well; one whose run does not end is ended.
fn look(one: &mut Running, options: &Options) -> Option<bool> {
    let note = note_path(&options.findings, one.target);
    if let Ok(Some(status)) = one.child.try_wait() {
        if !matches!(status.code(), Some(0 | 1)) {
            tell(one.target, &options.findings, &format!("died ({status})"));
        }
        let _ = std::fs::remove_file(note);
        return Some(status.success());
    }
    let runs = std::fs::read(&note).ok().and_then(|note| Some(u64::from_le_bytes(*note.first_chunk()?)));
    if runs != Some(one.runs) {
        (one.runs, one.since) = (runs.unwrap_or(0), Instant::now());
    }
    if one.since.elapsed() < Duration::from_secs(INPUT_SECONDS_MAX) {
        return None;
    }
    let _ = one.child.kill();
    let _ = one.child.wait();
    tell(one.target, &options.findings, &format!("one input took longer than {INPUT_SECONDS_MAX} s"));
    let _ = std::fs::remove_file(note);
    Some(false)
}

/// Keeps the input that was under way.
fn tell(target: &Target, findings: &Path, what: &str) {
    let note = std::fs::read(note_path(findings, target)).unwrap_or_default();
    let length = note.get(8..NOTE_HEADER_BYTES).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    let end = NOTE_HEADER_BYTES.saturating_add(usize::try_from(length).unwrap_or(0));
    let input = note.get(NOTE_HEADER_BYTES..end).unwrap_or_default();
    let file = findings.join(format!("{}-{}", target.name, name_of(input)));
    let _ = std::fs::write(&file, input);
    println!("{}: finding: {what}; input of {} bytes in {}", target.name, input.len(), file.display());
}
