//! A head that is read by wide limits and judged by narrower ones fares as one that is read by
//! those.

use fosse_http1::{FIELD_BYTES_MAX, FIELDS_COUNT_MAX, HEAD_BYTES_MAX, HeadLimits, RequestHead, TARGET_BYTES_MAX};

const WIDE: HeadLimits = HeadLimits {
    target_bytes: TARGET_BYTES_MAX,
    field_bytes: FIELD_BYTES_MAX,
    fields: FIELDS_COUNT_MAX,
    head_bytes: HEAD_BYTES_MAX,
};

#[test]
fn narrower_limits_refuse_afterwards_what_they_would_have_refused_at_once() {
    let heads = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(40)),
        format!("GET http://a/{} HTTP/1.1\r\nHost: a\r\nX:   {} \r\n\r\n", "x".repeat(9), "y".repeat(30)),
        format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{}\r\n", "A: b\r\n".repeat(20)),
    ];
    let mut refused = 0;
    for head in &heads {
        let read = RequestHead::parse(head.as_bytes(), &WIDE).unwrap();
        // Every limit from far below to far above what the head has.
        for limit in 0..=head.len() + 1 {
            for narrow in [
                HeadLimits { target_bytes: limit, ..WIDE },
                HeadLimits { field_bytes: limit, ..WIDE },
                HeadLimits { fields: limit, ..WIDE },
                HeadLimits { head_bytes: limit, ..WIDE },
                HeadLimits { target_bytes: limit, field_bytes: limit, fields: limit, head_bytes: limit * 2 },
            ] {
                let at_once = RequestHead::parse(head.as_bytes(), &narrow).map(|_| ());
                refused += usize::from(at_once.is_err());
                assert_eq!(read.check_limits(&narrow), at_once, "{head:?} {narrow:?}");
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
