//! An answer as far as a test of rules looks at it.

/// The status; 0 where there was no answer.
pub(crate) fn status(answer: &[u8]) -> u16 {
    let word = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    word.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok()).unwrap_or(0)
}

/// Whether an answer with a Content-Length is all there; others end with the connection or the time.
pub(crate) fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|at| at == b"\r\n\r\n").map(|at| at.saturating_add(4)) else {
        return false;
    };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= end.saturating_add(length))
        || (head.contains("transfer-encoding: chunked") && answer.ends_with(b"\r\n0\r\n\r\n"))
        || matches!(status(answer), 204 | 304)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        assert!(is_whole(b"HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nab"));
        assert!(!is_whole(b"HTTP/1.1 403 x\r\nContent-Length: 3\r\n\r\nab"));
        assert!(is_whole(b"HTTP/1.1 204 x\r\n\r\n"));
        assert_eq!((status(b"HTTP/1.1 403 Forbidden\r\n"), status(b"")), (403, 0));
    }
}
