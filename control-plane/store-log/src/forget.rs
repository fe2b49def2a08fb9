//! Answers older than 30 days go when fjall rewrites them anyway; reading ignores them from the first moment on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};
use wickr_base::UnixMillis;
use wickr_store::queue::REMEMBERED;

use crate::records;

/// Makes filters that know the settled time, which only the store itself sets: who merely opens the tables, to copy
/// them, forgets nothing.
pub(crate) struct Forget(pub(crate) Arc<AtomicI64>);

struct ForgetBefore(UnixMillis);

impl Factory for Forget {
    fn name(&self) -> &'static str {
        "forget-answers"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ForgetBefore(UnixMillis(self.0.load(Ordering::Relaxed)).minus(REMEMBERED)))
    }
}

impl CompactionFilter for ForgetBefore {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let forgotten = records::answer_place(&item.value()?).is_some_and(|place| place.time <= self.0);
        Ok(if forgotten { Verdict::Remove } else { Verdict::Keep })
    }
}
