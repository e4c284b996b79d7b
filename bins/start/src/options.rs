//! The command line: the places of the configuration, the programs and the logs. start opens
//! nothing else by name.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use fosse_args::{Args, Flag, NO_SANDBOX, Positional, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_die::fatal;
use fosse_lockdown::Mode;
use rustix::{
    fs::{Mode as FileMode, OFlags, open},
    io::Errno,
};

use crate::{
    PROGRAM,
    services::logs,
    upgrade::successor_state::{VERSION, is_successor},
};

const CONFIG: Flag =
    Flag { name: "--config", takes: Takes::Path("FILE"), help: "the configuration [/etc/fosse/fosse.toml]" };

/// The place of certificates by ACME where none is named.
const CERTIFICATES_DIRECTORY: &str = "/var/lib/fosse/certificates";

const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "starts, watches and replaces the programs of an edge",
    words: &[Positional::same_as(&CONFIG)],
    flags: &[
        CONFIG,
        Flag { name: "--config-fd", takes: Takes::Text("N"), help: "a descriptor with the configuration" },
        Flag { name: "--check", takes: Takes::Nothing, help: "look whether it can serve, and serve nothing" },
        Flag { name: "--programs", takes: Takes::Path("DIR"), help: "the programs of the edge [beside fosse-start]" },
        Flag {
            name: "--dir",
            takes: Takes::Path("DIR..."),
            help: "directory of rule files and address lists [that of the configuration]",
        },
        Flag { name: "--log-dir", takes: Takes::Path("DIR"), help: "directory of log files [/var/log/fosse]" },
        Flag {
            name: "--certificates-dir",
            takes: Takes::Path("DIR"),
            help: "directory of certificates by ACME [/var/lib/fosse/certificates]",
        },
        Flag {
            name: "--permit-untimely",
            takes: Takes::Nothing,
            help: "with --check: a certificate that does not hold now is a warning, as at a start",
        },
        Flag { name: "--next-uids", takes: Takes::Nothing, help: "take other user IDs where another edge has these" },
        Flag { name: "--ready-fd", takes: Takes::Text("N"), help: "descriptor that gets a newline when all is ready" },
        Flag { name: "--syslog-prefix", takes: Takes::Nothing, help: "begin event lines with their priority" },
        Flag { name: FITS, takes: Takes::Text("N"), help: "a running start asks it of the one to take its place" },
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
    ],
    about: "fosse-start(8) is the manual.\n",
    ..Usage::NOTHING
};

/// The source of the configuration.
#[derive(Debug)]
enum Configuration {
    /// A file, opened again for each reload.
    File(PathBuf),
    /// A descriptor (a sealed memfd), read from its start each time.
    Descriptor(OwnedFd),
}

impl Configuration {
    /// Returns the directory of the file: rule files and lists are looked for there unless `--dir`
    /// says otherwise.
    fn directory(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        let parent = path.canonicalize().ok()?.parent()?.to_str()?.to_owned();
        Some(parent)
    }
}

/// The command line.
#[derive(Debug)]
pub(crate) struct Options {
    configuration: Configuration,
    /// Directory of the programs.
    pub programs: OwnedFd,
    /// The directory of the configuration, below which the files are that it includes; none for a
    /// descriptor.
    pub configuration_directory: Option<(String, OwnedFd)>,
    /// Directories below which rule files and address lists are, with their paths.
    pub directories: Vec<(String, OwnedFd)>,
    /// Directory below which log files are made; none where neither `--log-dir` nor the default is
    /// there.
    log_dir: Option<OwnedFd>,
    /// Directory of certificates that are got by ACME.
    certificates_directory: String,
    /// A check passes although a certificate does not hold now, as a start does.
    pub permit_untimely: bool,
    /// Looks whether the configuration can serve, and serves nothing.
    pub check: bool,
    /// Takes the next user IDs that are free, where those of the configuration are another edge's.
    pub next_uids: bool,
    /// Descriptor that gets a newline when all is ready.
    pub ready_fd: Option<OwnedFd>,
    /// The strictness of everyone's lock-down.
    pub mode: Mode,
}

impl Options {
    /// Reads the command line; an error in it ends the program.
    pub(crate) fn of_process() -> Self {
        let args = Args::of_process(&USAGE);
        if let Some(question) = args.value(FITS) {
            fits_and_exit(question);
        }
        if args.has("--syslog-prefix") || logs::stderr_is_journal() {
            fosse_die::mark_syslog_prefix();
        }
        let check = args.has("--check");
        let next_uids = args.has("--next-uids");
        let file = args.value("--config").map(PathBuf::from);
        let number = args.parsed::<i32>("--config-fd", "a descriptor's number");
        let programs = args.value("--programs").map_or_else(beside_us, PathBuf::from);
        let log_dir = args.value("--log-dir").map(PathBuf::from);
        let directories = args.values("--dir").to_vec();
        let ready_fd = args.parsed::<i32>("--ready-fd", "a descriptor's number");
        let mode = Mode::from_options(|option| args.has(option));
        let configuration = match (file, number) {
            (Some(path), None) => Configuration::File(path),
            (None, Some(number)) => Configuration::Descriptor(given(&args, "--config-fd", number)),
            (None, None) => Configuration::File("/etc/fosse/fosse.toml".into()),
            (Some(_), Some(_)) => args.refuse("--config and --config-fd exclude each other"),
        };
        // A successor's predecessor has reported; anything may have the number since.
        let ready_fd = ready_fd.filter(|_| !is_successor()).map(|number| given(&args, "--ready-fd", number));
        let open = |path: String| (path.clone(), directory(Path::new(&path)));
        let beside = configuration.directory();
        let default = if directories.is_empty() { beside.clone() } else { None };
        let directories = default.into_iter().chain(directories).map(open).collect();
        Self {
            configuration,
            configuration_directory: beside.map(open),
            directories,
            programs: directory(&programs),
            log_dir: log_dir.map_or_else(|| directory_if_there(logs::DEFAULT_DIRECTORY), |path| Some(directory(&path))),
            certificates_directory: args.value("--certificates-dir").unwrap_or(CERTIFICATES_DIRECTORY).to_owned(),
            permit_untimely: args.has("--permit-untimely"),
            check,
            next_uids,
            ready_fd,
            mode,
        }
    }

    /// Returns the descriptors that a successor needs under the same numbers, which its command
    /// line has.
    pub(crate) fn kept(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let configuration = match &self.configuration {
            Configuration::Descriptor(fd) => Some(fd.as_fd()),
            Configuration::File(_) => None,
        };
        configuration.into_iter()
    }

    /// Returns the name of the configuration for messages.
    pub(crate) fn configuration_name(&self) -> String {
        match &self.configuration {
            Configuration::File(path) => path.display().to_string(),
            Configuration::Descriptor(_) => "configuration".into(),
        }
    }

    /// Opens the configuration at its first byte.
    ///
    /// # Errors
    /// The error of open(2).
    pub(crate) fn open_configuration(&self) -> Result<OwnedFd, Errno> {
        match &self.configuration {
            Configuration::File(path) => {
                // A named pipe that nobody writes to would keep open(2), and so the edge, waiting.
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = open(path, flags, FileMode::empty())?;
                rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
                Ok(file)
            }
            Configuration::Descriptor(fd) => {
                rustix::fs::seek(fd, rustix::fs::SeekFrom::Start(0))?;
                rustix::io::fcntl_dupfd_cloexec(fd, 3)
            }
        }
    }

    /// Returns the directory of certificates that are got by ACME.
    pub(crate) fn certificates_directory(&self) -> &str {
        &self.certificates_directory
    }

    /// Returns the directory below which log files are made.
    pub(crate) fn log_directory(&self) -> Option<BorrowedFd<'_>> {
        self.log_dir.as_ref().map(AsFd::as_fd)
    }
}

/// The option by which a running start asks the one that is to take its place; nobody types it.
pub(crate) const FITS: &str = "--fits";

fn fits_and_exit(question: &str) -> ! {
    let Some((VERSION, numbers)) = question.split_once(':') else {
        fatal(
            PROGRAM,
            "takes over from a start that writes the same table alone, and the one that runs is another version",
        )
    };
    match fosse_lockdown::launcher::fits(numbers) {
        Ok(()) => std::process::exit(0),
        Err(call) => fatal(PROGRAM, format_args!("needs {call}(2), which the start that runs has given up")),
    }
}

fn given(args: &Args, option: &str, number: i32) -> OwnedFd {
    fosse_sys::fd::take(number).unwrap_or_else(|| args.refuse(format_args!("{option}: {number} is not open")))
}

fn beside_us() -> PathBuf {
    let own = std::env::current_exe().ok().and_then(|p| p.parent().map(Path::to_path_buf));
    own.unwrap_or_else(|| "/usr/libexec/fosse".into())
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn directory_if_there(path: &str) -> Option<OwnedFd> {
    open(path, DIRECTORY, FileMode::empty()).ok()
}

fn directory(path: &Path) -> OwnedFd {
    open(path, DIRECTORY, FileMode::empty())
        .unwrap_or_else(|errno| fatal(PROGRAM, format_args!("unable to open directory {}: {errno}", path.display())))
}
