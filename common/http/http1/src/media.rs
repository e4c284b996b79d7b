//! Content types by the end of a file's name. A file that is not in the table is bytes, and
//! X-Content-Type-Options keeps browsers from guessing.

/// Sorted by extension, so that it can be searched; text is UTF-8, as files are today.
const TYPES: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rss", "application/rss+xml"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xml", "application/xml"),
    ("xz", "application/x-xz"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// Content type of a file that is not in the table.
const BYTES: &str = "application/octet-stream";

/// Returns the content type of a file with this path.
#[must_use]
pub fn content_type(path: &[u8]) -> &'static str {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return BYTES };
    let end = name[dot + 1..].to_ascii_lowercase();
    let found = TYPES.binary_search_by(|(extension, _)| extension.as_bytes().cmp(end.as_slice()));
    found.ok().and_then(|at| TYPES.get(at)).map_or(BYTES, |(_, content_type)| content_type)
}

/// Returns whether a content type is one of gRPC's, gRPC-Web's among them.
#[must_use]
pub fn is_grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_every_row_is_found() {
        assert!(TYPES.is_sorted_by(|a, b| a.0 < b.0));
        for (extension, expected) in TYPES {
            assert_eq!(content_type(format!("a/b.{extension}").as_bytes()), *expected);
        }
    }

    #[test]
    fn what_is_not_known_is_bytes() {
        for path in ["a", "a.", "a.html/b", "a.html~", "html", ".x"] {
            assert_eq!(content_type(path.as_bytes()), BYTES, "{path}");
        }
        assert_eq!(content_type(b"A.HTML"), "text/html; charset=utf-8");
    }
}
