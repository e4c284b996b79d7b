//! The inputs mutation starts from: seeds, what earlier runs kept, and what this one finds interesting.

use std::path::{Path, PathBuf};

use crate::random::Random;

/// Inputs kept in memory.
const INPUTS_MAX: usize = 8192;

/// The inputs of one target.
#[derive(Debug)]
pub struct Corpus {
    inputs: Vec<Vec<u8>>,
    directory: Option<PathBuf>,
}

impl Corpus {
    /// Seeds, and the files of the target's directory below `root`, where there is one.
    #[must_use]
    pub fn new(mut seeds: Vec<Vec<u8>>, root: Option<&Path>, name: &str) -> Self {
        let directory = root.map(|root| root.join(name));
        if let Some(directory) = &directory {
            let _ = std::fs::create_dir_all(directory);
            let mut files: Vec<PathBuf> =
                std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            files.sort();
            seeds.extend(files.into_iter().take(INPUTS_MAX).filter_map(|file| std::fs::read(file).ok()));
        }
        if seeds.is_empty() {
            seeds.push(Vec::new());
        }
        Self { inputs: seeds, directory }
    }

    /// All inputs.
    #[must_use]
    pub fn inputs(&self) -> &[Vec<u8>] {
        &self.inputs
    }

    /// One of them; later ones are likelier, as they have reached more.
    pub fn pick(&self, random: &mut Random) -> &[u8] {
        let count = self.inputs.len();
        let at = if random.once_in(2) { random.below(count) } else { count - 1 - random.below(count.min(32)) };
        self.inputs.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    /// Keeps an interesting input.
    pub fn keep(&mut self, input: Vec<u8>) {
        if let Some(directory) = &self.directory {
            let _ = std::fs::write(directory.join(name_of(&input)), &input);
        }
        if self.inputs.len() < INPUTS_MAX {
            self.inputs.push(input);
        }
    }
}

/// A file name that follows from the bytes (FNV-1a, 64 bits).
#[must_use]
pub fn name_of(input: &[u8]) -> String {
    let hash = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
