//! The time that a client of gRPC leaves for its call (gRPC over HTTP/2, Timeout).

use core::time::Duration;

use fosse_wire::request::RequestHead;

/// Returns whether a request is a call of gRPC.
pub(crate) fn is_grpc(head: &RequestHead<'_>) -> bool {
    head.fields.all(b"content-type").any(fosse_http1::is_grpc)
}

/// Returns the time that is left for a call; `None` where its client has said none.
pub(crate) fn of(head: &RequestHead<'_>) -> Option<Duration> {
    let value = head.fields.all(b"grpc-timeout").next()?;
    if is_grpc(head) { time(value) } else { None }
}

/// Reads up to eight digits and a unit.
fn time(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 3600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        for (value, seconds) in
            [("1H", 3600.0), ("2M", 120.0), ("03S", 3.0), ("1500m", 1.5), ("7u", 7e-6), ("9n", 9e-9)]
        {
            assert_eq!(time(value.as_bytes()), Some(Duration::from_secs_f64(seconds)), "{value}");
        }
        assert_eq!(time(b"99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for value in ["", "S", "1", "1s", "-1S", "+1S", " 1S", "1.5S", "123456789S", "1SS"] {
            assert_eq!(time(value.as_bytes()), None, "{value}");
        }
    }
}
