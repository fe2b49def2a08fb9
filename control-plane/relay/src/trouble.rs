//! Something that may fail again and again, told when it begins and when it is over; what lies between is counted. A line
//! for each time would fill a disk just when something else is wrong.

use std::fmt::Display;

use parking_lot::Mutex;

/// One thing that goes well or doesn't.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: &'static str,
    /// How often it has failed since it last went well.
    times: Mutex<u64>,
}

impl Trouble {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, times: Mutex::new(0) }
    }

    /// It failed.
    pub(crate) fn failed(&self, why: impl Display) {
        if self.begins() {
            tracing::error!(what = self.what, %why, "failed; until it goes well again, further times are counted");
        }
    }

    /// It went well.
    pub(crate) fn over(&self) {
        if let Some(times) = self.ends() {
            tracing::info!(what = self.what, times, "goes well again");
        }
    }

    fn begins(&self) -> bool {
        let mut times = self.times.lock();
        *times += 1;
        *times == 1
    }

    fn ends(&self) -> Option<u64> {
        let times = std::mem::take(&mut *self.times.lock());
        (times > 0).then_some(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_and_the_first_success_are_told_and_the_rest_is_counted() {
        let trouble = Trouble::new("storing");
        assert_eq!(trouble.ends(), None);
        assert_eq!([trouble.begins(), trouble.begins(), trouble.begins()], [true, false, false]);
        assert_eq!((trouble.ends(), trouble.ends()), (Some(3), None));
        assert!(trouble.begins());
    }
}
