//! Moments neither overflow nor panic, whatever clocks and configurations say.

use std::time::Duration;

use eg_core::time::Moment;

#[test]
fn a_moment_counts_whole_microseconds() {
    let moment = Moment::at(Duration::from_nanos(1_999));
    assert_eq!(moment.since_origin(), Duration::from_micros(1));
    assert_eq!(moment + Duration::from_nanos(999), moment);
    assert_eq!((moment + Duration::from_secs(2)) - moment, Duration::from_secs(2));
}

#[test]
fn a_limit_of_no_end_ends_at_the_last_moment() {
    let last = Moment::at(Duration::MAX);
    assert_eq!(Moment::at(Duration::from_secs(1)) + Duration::MAX, last);
    assert_eq!(last + Duration::from_secs(1), last);
}

#[test]
fn a_clock_that_is_a_little_behind_has_seen_no_time_pass() {
    let (early, late) = (Moment::at(Duration::from_secs(1)), Moment::at(Duration::from_secs(2)));
    assert_eq!(early - late, Duration::ZERO);
    assert!(early < late && early == Moment::default() + Duration::from_secs(1));
}
