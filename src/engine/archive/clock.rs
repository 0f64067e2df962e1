//! Moments as the index keeps them: milliseconds since 1970, as the wall clock has it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Negative before 1970.
pub(super) fn to_ms(time: SystemTime) -> i64 {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => ms(after),
        Err(error) => -ms(error.duration()),
    }
}

/// The other way; what no clock can show is 1970.
pub(super) fn from_ms(ms: i64) -> SystemTime {
    let span = Duration::from_millis(ms.unsigned_abs());
    let time = if ms < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
    time.unwrap_or(UNIX_EPOCH)
}

/// How long ago that was; nothing when the clock was set back since.
pub(in crate::engine) fn age(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

/// That moment for those who measure: the start of the machine where it was before that.
pub(in crate::engine) fn instant(time: SystemTime) -> Instant {
    let now = Instant::now();
    now.checked_sub(age(time)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_to_the_millisecond() {
        for ms in [0, 1, -1, 1_700_000_000_123, -5_000] {
            assert_eq!(to_ms(from_ms(ms)), ms);
        }
        assert_eq!(age(SystemTime::now() + Duration::from_secs(60)), Duration::ZERO);
        assert!(instant(UNIX_EPOCH) <= Instant::now());
        assert_eq!(from_ms(i64::MAX).max(UNIX_EPOCH), from_ms(i64::MAX));
    }
}
