//! What is kept for answers: from the request that passes to the end of its answer, whoever brings it about.

use fosse_counters::waf_filter as count;
use fosse_settings::WafMode;
use fosse_wire::{
    StreamId, WireError,
    frame::{ResetReason, WINDOW_BYTES_INITIAL},
    order::Return,
    verdict::Cause,
};

use crate::{
    answer::{Back, HeldAnswer, Kept},
    case::{Case, Denial},
    judge::{Judge, Out, site_of},
    limits::TRANSACTIONS_KEPT_MAX,
};

/// Whether a site has its answers judged.
pub(crate) fn inspects(site: &fosse_settings::WafSite) -> bool {
    site.inspect_responses && site.waf != WafMode::Off
}

impl Judge {
    /// Keeps what the rules know of a request that passes, until its answer comes. A denial where no room is left for it.
    pub(crate) fn keep(
        &mut self,
        stream: StreamId,
        case: Box<Case>,
        request: &[u8],
    ) -> Result<Option<Denial>, WireError> {
        let kept = Kept::new(case, request);
        let full =
            self.kept >= TRANSACTIONS_KEPT_MAX || self.held_bytes.saturating_add(kept.bytes) > self.held_bytes_max;
        if full {
            self.counters.add(count::OVER_MEMORY, 1);
            let message = "memory for requests that wait for their answer is used up";
            let denial = Denial { retry_after: 1, ..Denial::new(503, Cause::Memory, message) };
            let head = kept.request()?;
            let site = site_of(&self.config, &self.fallback, head.site);
            let denied = self.reporter.found(site, &head, &denial, &self.counters);
            self.court.close(*kept.case);
            return Ok(Some(denial).filter(|_| denied));
        }
        self.kept = self.kept.saturating_add(1);
        self.held_bytes = self.held_bytes.saturating_add(kept.bytes);
        self.count_held();
        if let Some(slot) = self.slot(stream) {
            (slot.back, slot.returned) = (Back::Awaited(Box::new(kept)), Return::Waiting);
            slot.room = u64::from(WINDOW_BYTES_INITIAL);
        }
        Ok(None)
    }

    /// The client is gone. What it has not seen of an answer it never will; parse waits for an end all the same.
    pub(crate) fn client_left(&mut self, stream: StreamId, out: &mut Out<'_>) {
        let Some(slot) = self.slot(stream) else { return };
        let back = std::mem::take(&mut slot.back);
        let ended = match &back {
            Back::Hold(held) => held.end.is_some(),
            Back::Flow(flow) => flow.end.is_some(),
            Back::Pass | Back::Awaited(_) | Back::Replaced | Back::Gone => false,
        };
        slot.back = match &back {
            Back::Hold(_) | Back::Flow(_) if !ended => Back::Gone,
            Back::Replaced => Back::Replaced,
            Back::Gone => Back::Gone,
            Back::Hold(_) | Back::Flow(_) | Back::Pass | Back::Awaited(_) => Back::Pass,
        };
        if ended {
            out.back.reset(stream, ResetReason::Echo);
        }
        self.forget(stream, back);
    }

    /// Nothing comes of an answer any more: what is kept and held for it goes.
    pub(crate) fn forget(&mut self, stream: StreamId, back: Back) {
        match back {
            Back::Awaited(kept) => self.unanswered(stream, *kept),
            Back::Hold(held) => self.let_answer_go(*held),
            Back::Flow(flow) => {
                self.held_bytes = self.held_bytes.saturating_sub(flow.bytes());
                self.count_held();
            }
            Back::Pass | Back::Replaced | Back::Gone => {}
        }
    }

    /// A request that no application has answered: the rules have their last word, and what they found is said.
    pub(crate) fn unanswered(&mut self, stream: StreamId, mut kept: Kept) {
        self.let_kept_go(kept.bytes);
        self.court.conclude(stream, &mut kept.case);
        if let Ok(head) = kept.request() {
            let site = site_of(&self.config, &self.fallback, head.site);
            let _ = self.reporter.judged(site, &head, &kept.case, &self.counters);
        }
        self.court.close(*kept.case);
    }

    pub(crate) fn let_answer_go(&mut self, held: HeldAnswer) {
        self.let_kept_go(held.bytes());
        self.court.close(*held.kept.case);
    }

    pub(crate) fn let_kept_go(&mut self, bytes: u64) {
        self.kept = self.kept.saturating_sub(1);
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
        self.count_held();
    }

    pub(crate) fn holds(&mut self, bytes: usize) {
        self.held_bytes = self.held_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.count_held();
    }

    pub(crate) fn count_held(&self) {
        self.counters.set(count::HELD_BYTES, self.held_bytes);
        self.counters.set(count::ANSWERS_AWAITED, u64::try_from(self.kept).unwrap_or(u64::MAX));
    }
}
