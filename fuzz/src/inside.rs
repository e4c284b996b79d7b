//! The process of one target: inputs until the time is over or a promise is broken.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::PROGRAM;
use crate::corpus::{Corpus, name_of};
use crate::guide::Guide;
use crate::mutate::mutate;
use crate::options::Options;
use crate::random::Random;
use crate::targets::Target;

/// Time spent on making a finding smaller.
const SHRINK: Duration = Duration::from_secs(3);
/// Bytes of address space: what grows without bound dies here and not with the machine.
const ADDRESS_BYTES_MAX: u64 = 4 << 30;

/// Bytes before the input in the file that tells the parent what is under way: number of the run, length.
pub const NOTE_HEADER_BYTES: usize = 16;

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where a target's process notes what it is doing.
#[must_use]
pub fn note_path(findings: &Path, target: &Target) -> PathBuf {
    findings.join(format!(".{}.running", target.name))
}

/// Runs one input and says how it went.
pub fn replay(target: &Target, file: &Path) {
    let input = std::fs::read(file)
        .unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("unable to read {}: {error}", file.display())));
    (target.run)(&input);
    println!("{}: {} bytes, no promise broken", target.name, input.len());
}

/// Runs mutated inputs. Ends with 1 and a line on fd 1 at the first finding.
pub fn run(target: &Target, options: &Options) {
    quiet_panics();
    let limit = rustix::process::Rlimit { current: Some(ADDRESS_BYTES_MAX), maximum: Some(ADDRESS_BYTES_MAX) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::As, limit);
    let note = File::create(note_path(&options.findings, target))
        .unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("unable to write findings: {error}")));
    let corpus = Corpus::new((target.seeds)(), options.corpus.as_deref(), target.name);
    let mut one = Inside { target, note, runs: 0, guide: Guide::default(), corpus };
    let result = one.all(options);
    println!(
        "{}: {} runs, {} inputs kept, {} branches",
        target.name,
        one.runs,
        one.corpus.inputs().len(),
        one.guide.reached()
    );
    if let Err(input) = result {
        let why = LAST_PANIC.take();
        let small = shrink(target, input, place_of(&why));
        let file = options.findings.join(format!("{}-{}", target.name, name_of(&small)));
        let _ = std::fs::write(&file, &small);
        println!("{}: finding: {why}; input of {} bytes in {}", target.name, small.len(), file.display());
        std::process::exit(1);
    }
}

struct Inside<'a> {
    target: &'a Target,
    note: File,
    runs: u64,
    guide: Guide,
    corpus: Corpus,
}

impl Inside<'_> {
    /// Everything; the input that broke a promise is the error.
    fn all(&mut self, options: &Options) -> Result<(), Vec<u8>> {
        let end = Instant::now() + options.time;
        for seed in self.corpus.inputs().to_vec() {
            self.one(&seed)?;
            self.guide.is_new();
        }
        let mut random = Random::new(options.seed, self.target.name);
        while !self.runs.is_multiple_of(16) || Instant::now() < end {
            let (input, other) = (self.corpus.pick(&mut random), self.corpus.pick(&mut random));
            let input = mutate(&mut random, input, other, self.target.tokens);
            self.one(&input)?;
            if self.guide.is_new() {
                self.corpus.keep(input);
            }
        }
        Ok(())
    }

    fn one(&mut self, input: &[u8]) -> Result<(), Vec<u8>> {
        self.runs += 1;
        let mut note = Vec::with_capacity(NOTE_HEADER_BYTES + input.len());
        note.extend_from_slice(&self.runs.to_le_bytes());
        note.extend_from_slice(&(input.len() as u64).to_le_bytes());
        note.extend_from_slice(input);
        let _ = self.note.write_at(&note, 0);
        self.guide.begin();
        if holds(self.target, input) { Ok(()) } else { Err(input.to_vec()) }
    }
}

fn holds(target: &Target, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok()
}

/// Panics are caught and told of once, with their place.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let payload = info.payload();
        let message = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
        let message: String = message.chars().take(300).flat_map(char::escape_debug).collect();
        LAST_PANIC.set(format!("{place}: {message}"));
    }));
}

/// File, line and column of a panic.
fn place_of(why: &str) -> &str {
    why.split_once(": ").map_or(why, |(place, _)| place)
}

/// A smaller input that panics at the same place.
fn shrink(target: &Target, mut input: Vec<u8>, place: &str) -> Vec<u8> {
    let end = Instant::now() + SHRINK;
    let mut width = input.len() / 2;
    while width > 0 {
        let mut at = 0;
        while at < input.len() && Instant::now() < end {
            let mut smaller = input.clone();
            smaller.drain(at..(at + width).min(input.len()));
            if !holds(target, &smaller) && place_of(&LAST_PANIC.take()) == place {
                input = smaller;
            } else {
                at += width;
            }
        }
        width /= 2;
    }
    input
}
