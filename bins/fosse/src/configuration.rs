//! A configuration as fosse-start reads it: its file, the files that it includes, and the
//! environment of who starts the edge.

use std::io::Read as _;
use std::path::Path;

use fosse_die::fatal;
use fosse_gather::{
    Problems, includes,
    places::{Place, Places},
};
use fosse_model::{
    Accounts, CONFIGURATION_BYTES_MAX, Edge, Environment, Gathered, Report, Source, Sources, compile_sources,
    read_sources,
};
use fosse_plan::Plan;
use rustix::fs::{Mode, OFlags, open};

use crate::PROGRAM;

/// A configuration with all its files.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// Its name in messages.
    pub name: String,
    /// The content of the file that is named.
    pub bytes: Vec<u8>,
    included: Gathered,
    environment: Environment,
}

impl Configuration {
    /// Reads a configuration, "-" for the standard input, in the environment of this process. Ends
    /// the program where a file of it cannot be read.
    pub(crate) fn load(file: &str, directories: &[String]) -> Self {
        let (name, bytes) = if file == "-" {
            ("standard input".to_owned(), bounded(std::io::stdin().lock(), CONFIGURATION_BYTES_MAX, "standard input"))
        } else {
            match std::fs::File::open(file) {
                Ok(open) => (file.to_owned(), bounded(open, CONFIGURATION_BYTES_MAX, file)),
                Err(error) => fatal(PROGRAM, format_args!("unable to read {file}: {error}")),
            }
        };
        let is_file = std::fs::metadata(file).is_ok_and(|facts| facts.is_file());
        // As fosse-start has it, which knows no directory of a pipe.
        let beside = Path::new(file).canonicalize().ok().filter(|_| is_file);
        let beside = beside.and_then(|path| Some(path.parent()?.to_str()?.to_owned()));
        let without = if beside.is_none() && directories.is_empty() { Some(".".to_owned()) } else { None };
        let directories: Vec<String> = beside.into_iter().chain(without).chain(directories.iter().cloned()).collect();
        Self::of(name, bytes, &directories, Environment::of_process())
            .unwrap_or_else(|why| fatal(PROGRAM, format_args!("a file that the configuration includes: {why}")))
    }

    /// Takes the text of a configuration that includes nothing.
    pub(crate) fn of_text(name: &str, text: &str) -> Self {
        let (included, environment) = (Gathered::default(), Environment::default());
        Self { name: name.to_owned(), bytes: text.as_bytes().to_vec(), included, environment }
    }

    /// Takes a configuration, and reads the files that it includes below these directories.
    ///
    /// # Errors
    /// The files that cannot be read.
    pub(crate) fn of(
        name: String,
        bytes: Vec<u8>,
        directories: &[String],
        environment: Environment,
    ) -> Result<Self, String> {
        // A mistake in the names is found again by who reads the whole.
        let names = fosse_model::includes(Source { name: &name, bytes: &bytes }, &environment).unwrap_or_default();
        let included = if names.is_empty() { Gathered::default() } else { gathered(&name, &names, directories)? };
        Ok(Self { name, bytes, included, environment })
    }

    fn sources(&self) -> Sources<'_> {
        let main = Source { name: &self.name, bytes: &self.bytes };
        Sources { main, included: self.included.sources(), environment: &self.environment }
    }

    /// Returns the names of the included files.
    pub(crate) fn included(&self) -> impl Iterator<Item = String> {
        self.included.sources().into_iter().map(|source| source.name.to_owned())
    }

    /// Returns it as a model and as a plan.
    ///
    /// # Errors
    /// All its problems.
    pub(crate) fn compiled(&self, accounts: &Accounts) -> Result<(Edge, Plan), Report> {
        let plan = compile_sources(&self.sources(), accounts)?;
        read_sources(&self.sources()).map(|edge| (edge, plan))
    }
}

fn gathered(main: &str, names: &[String], directories: &[String]) -> Result<Gathered, String> {
    let place = |path: &String| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(path, flags, Mode::empty()).map_err(|errno| format!("{path}: {errno}"))?;
        let path =
            std::fs::canonicalize(path).map_or_else(|_| path.clone(), |path| path.to_string_lossy().into_owned());
        Ok::<_, String>(Place { path, directory })
    };
    let places = directories.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    let mut problems = Problems::default();
    let places = Places::new(places, rustix::process::geteuid().as_raw());
    let bundle = includes(names, &places, &mut problems);
    if problems.is_empty() { Ok(Gathered::of(main, &bundle)) } else { Err(problems.to_string().trim_end().to_owned()) }
}

/// Reads to the end, or one byte over the limit, by which fosse-model knows that it is too long.
pub(crate) fn bounded(from: impl std::io::Read, bytes_max: usize, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match from.take(bytes_max as u64 + 1).read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) => fatal(PROGRAM, format_args!("unable to read {name}: {error}")),
    }
}
