//! A panic as words: whoever waits for an end of something gets one whatever happens (passes: `drive`, questions:
//! `poller`).

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

/// Waits for `work`; when it panics, what it said is the error.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| said(panic.as_ref()))
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_in_its_own_words() {
        assert_eq!(caught(async { 1 }).await, Ok(1));
        let number = 7;
        let words = async { assert_eq!(number, 8, "no eight") };
        assert!(caught(words).await.unwrap_err().contains("no eight"));
    }
}
