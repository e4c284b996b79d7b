//! A backend that serves files, as fosse-static sees it.

use serde::{Deserialize, Serialize};

/// fosse-static
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The name of the backend, for logs.
    pub name: String,
    /// Names of the files that a directory's path means; the first that is there.
    pub index: Vec<String>,
    /// The places where a path is looked up; the first that is there.
    pub try_files: Vec<TryFile>,
    /// The codings of files beside a file, those that are better first.
    pub precompressed: Vec<Coding>,
    /// The values of Cache-Control; the first that has the path of a file.
    pub cache_control: Vec<CacheControl>,
}

/// A place where the path of a request is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TryFile {
    /// The path itself: a file, or a directory with an index.
    Path,
    /// A file whose name is the path with this after it.
    PathAnd(String),
    /// This file, below the directory and without a leading slash.
    File(String),
}

/// A coding of a file that lies beside it (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coding {
    /// RFC 7932; the name ends in `.br`.
    Brotli,
    /// RFC 8878; the name ends in `.zst`.
    Zstd,
    /// RFC 1952; the name ends in `.gz`.
    Gzip,
}

/// A value of Cache-Control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheControl {
    /// Globs of paths with their leading slash; `*` is any characters.
    pub paths: Vec<String>,
    /// The value.
    pub value: String,
}
