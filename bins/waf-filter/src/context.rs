//! The parts that the evaluations of all streams share, each with one job.

use std::rc::Rc;

use fosse_counters::Counters;
use fosse_settings::WafFilter;

use crate::{
    content_encoding::Decoder, evaluator::Evaluator, memory::Memory, policies::Policies, queue::Queue,
    report::events::Reporter, rules::Rules, spool::client::SpoolClient, store::client::StoreClient,
};

/// The shared parts.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) policies: Policies,
    pub(crate) evaluator: Evaluator,
    pub(crate) store: StoreClient,
    pub(crate) decoder: Decoder,
    pub(crate) memory: Memory,
    pub(crate) queue: Queue,
    pub(crate) reporter: Reporter,
    pub(crate) spool: SpoolClient,
    /// Streams whose bodies wait to come back from the spool, the sources by turns.
    pub(crate) read_backs: Queue,
    /// Streams whose bodies wait for credit until the spool has caught up, the sources by turns.
    pub(crate) stalled: Queue,
    /// Credit for long bodies comes round from dispatch. In a shell none does.
    pub(crate) has_release_credit: bool,
    /// There is an encode, where one is wanted.
    pub(crate) can_encode: bool,
    /// A body is back from the spool, or on its way.
    pub(crate) is_reading_back: bool,
    /// Time of this turn, in milliseconds of the monotonic clock.
    pub(crate) now_ms: u64,
}

impl Context {
    /// The parts as a configuration has them.
    pub(crate) fn new(
        config: WafFilter,
        rules: Rules,
        (store, spool): (StoreClient, SpoolClient),
        reporter: Reporter,
        counters: Rc<Counters>,
    ) -> Self {
        let lane_held_bytes_max = config.lane_held_bytes_max;
        Self {
            policies: Policies::new(config, rules),
            evaluator: Evaluator::default(),
            store,
            decoder: Decoder::default(),
            memory: Memory::new(lane_held_bytes_max, counters),
            queue: Queue::default(),
            reporter,
            spool,
            read_backs: Queue::default(),
            stalled: Queue::default(),
            has_release_credit: true,
            can_encode: true,
            is_reading_back: false,
            now_ms: 0,
        }
    }
}
