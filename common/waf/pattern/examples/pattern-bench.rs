//! What the candidate finder and the patterns behind it cost on ordinary values, beside running
//! every pattern.

#[path = "../tests/corpus/mod.rs"]
mod corpus;

use fosse_pattern::{CandidateBits, PatternSet, Regex, Scratch};
use std::hint::black_box;
use std::time::{Duration, Instant};

const SHORT: [&str; 20] = [
    "1",
    "42",
    "true",
    "alice",
    "en-US",
    "2024-05-17",
    "Smith",
    "page",
    "john.doe@example.com",
    "red",
    "search term",
    "c2Vzc2lvbg",
    "GA1.2.1234567890.1700000000",
    "/products/list",
    "19.99",
    "desc",
    "+49 30 1234567",
    "New York",
    "8f14e45fceea167a5a36dedd4bea2543",
    "keep-alive",
];

const SQLI: &str = "1' UNION SELECT username, password FROM users WHERE id=1 OR '1'='1' -- -";

fn main() {
    let Some(dir) = corpus::crs4() else { return };
    let rules = corpus::patterns(&dir);
    let start = Instant::now();
    let regexes: Vec<Regex> = rules.iter().map(|(_, pattern)| Regex::new(pattern).unwrap()).collect();
    let compiled = start.elapsed();
    let start = Instant::now();
    let set = PatternSet::new(regexes.iter().map(Regex::requirement)).unwrap();
    let bytes: usize = regexes.iter().map(Regex::memory_usage).sum();
    println!(
        "{} patterns: compiled in {compiled:?} ({} KiB), set in {:?} ({} KiB), {} open",
        regexes.len(),
        bytes / 1024,
        start.elapsed(),
        set.memory_usage() / 1024,
        regexes.iter().filter(|regex| regex.requirement().is_open()).count()
    );
    let mut bench = Bench { rules, regexes, set, scratch: Scratch::new(), bits: CandidateBits::default() };
    let short: Vec<String> = SHORT.iter().map(|value| (*value).to_owned()).collect();
    bench.report("20 short values", &short);
    bench.report("SQL injection", &[SQLI.to_owned()]);
    bench.report("JSON-ish, 1 KiB", &[sized(include_str!("json.txt"))]);
    bench.report("English, 1 KiB", &[sized(include_str!("english.txt"))]);
    bench.report(
        "user agent",
        &["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0".to_owned()],
    );
    bench.report("one short value", &["alice".to_owned()]);
    println!("lazy states: {} KiB", bench.scratch.cached_bytes() / 1024);
    if std::env::args().any(|argument| argument == "open") {
        bench.print_open();
    }
}

fn sized(text: &str) -> String {
    text.trim_end().chars().cycle().take(1024).collect()
}

struct Bench {
    rules: Vec<corpus::Rule>,
    regexes: Vec<Regex>,
    set: PatternSet,
    scratch: Scratch,
    bits: CandidateBits,
}

impl Bench {
    #[expect(clippy::too_many_lines, reason = "a column of the report each few lines")]
    fn report(&mut self, name: &str, values: &[String]) {
        let bytes: usize = values.iter().map(String::len).sum();
        let mut candidates = 0;
        for value in values {
            self.set.candidates(value.as_bytes(), &mut self.scratch, &mut self.bits);
            candidates += self.bits.iter().count();
            if std::env::args().any(|argument| argument == "who") {
                self.print_candidates(value);
            }
        }
        let find = time(|| {
            for value in values {
                black_box(self.set.candidates(value.as_bytes(), &mut self.scratch, &mut self.bits));
            }
        });
        let run = time(|| {
            for value in values {
                self.set.candidates(value.as_bytes(), &mut self.scratch, &mut self.bits);
                for index in self.bits.iter() {
                    let _ = black_box(self.regexes[index].is_match(value.as_bytes(), &mut self.scratch));
                }
            }
        });
        let all = time(|| {
            for value in values {
                for regex in &self.regexes {
                    let _ = black_box(regex.is_match(value.as_bytes(), &mut self.scratch));
                }
            }
        });
        let each = |time: Duration| time.as_secs_f64() * 1e9 / values.len() as f64;
        let per_kib = |time: Duration| time.as_secs_f64() * 1e6 * 1024.0 / bytes as f64;
        println!(
            "{name:16} {:4.1} candidates a value; candidates {:6.0} ns, {:6.1} us/KiB; with running them {:7.0} ns, {:6.1} us/KiB; all {:8.0} ns, {:7.1} us/KiB",
            candidates as f64 / values.len() as f64,
            each(find),
            per_kib(find),
            each(run),
            per_kib(run),
            each(all),
            per_kib(all)
        );
    }

    /// Prints the cost of each candidate on this value, dearest first, and the reason it is one.
    fn print_candidates(&mut self, value: &str) {
        println!("  {value:.40}");
        let mut costs = Vec::new();
        for index in self.bits.iter() {
            let (regex, scratch) = (&self.regexes[index], &mut self.scratch);
            let found = regex.is_match(value.as_bytes(), scratch).unwrap_or(false);
            let cost = time(|| {
                let _ = black_box(regex.is_match(value.as_bytes(), scratch));
            });
            costs.push((cost, found, index));
        }
        costs.sort();
        for (cost, found, index) in costs.into_iter().rev() {
            let pattern = String::from_utf8_lossy(self.regexes[index].pattern());
            println!("    {cost:>10.0?} {found:5} {} {pattern:.100}", self.rules[index].0);
            println!("               {:.400}", format!("{:?}", self.regexes[index].requirement()));
        }
    }

    fn print_open(&self) {
        for (rule, _) in self.rules.iter().zip(&self.regexes).filter(|(_, regex)| regex.requirement().is_open()) {
            println!("open {} {:.150}", rule.0, String::from_utf8_lossy(&rule.1));
        }
    }
}

/// The best of many short runs: on a busy machine a long one is always interrupted.
fn time(mut work: impl FnMut()) -> Duration {
    work();
    let start = Instant::now();
    work();
    let once = start.elapsed().max(Duration::from_nanos(50));
    let rounds = (Duration::from_micros(100).as_nanos() / once.as_nanos()).clamp(1, 2000) as u32;
    let run = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..rounds).for_each(|_| work());
        start.elapsed() / rounds
    };
    (0..300).map(|_| run(&mut work)).min().unwrap_or_default()
}
