//! The parts that the evaluations of all streams share, each with one job.

use std::rc::Rc;

use fosse_counters::Counters;
use fosse_settings::WafFilter;

use crate::{
    content_encoding::Decoder, evaluator::Evaluator, memory::Memory, queue::Queue, report::events::Reporter,
    rules::Rules, sites::Sites, store::client::StoreClient,
};

/// The shared parts.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) sites: Sites,
    pub(crate) evaluator: Evaluator,
    pub(crate) store: StoreClient,
    pub(crate) decoder: Decoder,
    pub(crate) memory: Memory,
    pub(crate) queue: Queue,
    pub(crate) reporter: Reporter,
}

impl Context {
    /// The parts as a configuration has them.
    pub(crate) fn new(
        config: WafFilter,
        rules: Rules,
        store: StoreClient,
        reporter: Reporter,
        counters: Rc<Counters>,
    ) -> Self {
        Self {
            sites: Sites::new(config.sites, rules),
            evaluator: Evaluator::default(),
            store,
            decoder: Decoder::default(),
            memory: Memory::new(config.lane_held_bytes_max, counters),
            queue: Queue::default(),
            reporter,
        }
    }
}
