//! What must hold whatever a server responds to a health check: a result that is known does not
//! change with what comes later, and one is known when the response has ended.

use fosse_prober::response::judge;
use fosse_settings::Check;

/// A response, behind a byte that says what the check wants.
///
/// # Panics
/// Where a promise is broken.
pub fn responses(data: &[u8]) {
    let Some((wants, response)) = data.split_first() else { return };
    let is = |bit: u8| wants & bit != 0;
    let check = Check {
        method: if is(1) { "HEAD" } else { "GET" }.into(),
        status: if is(2) { vec![(200, 200), (401, 403)] } else { vec![(200, 399)] },
        body: if is(4) { "hello" } else { "" }.into(),
        lenient_responses: is(8),
        ..Check::default()
    };
    let mut known = None;
    for end in 0..=response.len().min(2048) {
        let result = judge(&response[..end], false, &check);
        if known.is_some() {
            assert_eq!(result, known, "changed by byte {end}");
        }
        known = result;
    }
    if known.is_some() && response.len() <= 2048 {
        assert_eq!(judge(response, true, &check), known, "changed by the end");
    }
}
