//! Any bytes as a plan: what decodes encodes to the same bytes again.

use fosse_plan::Plan;

/// Decodes `data` as a plan.
pub fn plan(data: &[u8]) {
    if let Ok(plan) = Plan::decode(data) {
        assert_eq!(plan.encode().expect("what was decoded fits"), data);
    }
}
