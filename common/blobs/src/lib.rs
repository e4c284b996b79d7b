//! fosse-blobs.
