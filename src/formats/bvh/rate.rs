//! How many frames a second a file means by the frame time that it writes.

/// Rates that recordings are made at: what a frame time of a few digits is likely to mean.
pub(super) const COMMON: [f64; 12] =
    [24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 72.0, 90.0, 100.0, 120.0, 144.0, 240.0];

/// Frames a second of a frame time that is `written` like this and is so many `seconds`. `0.04` is 25 exactly. Most files round
/// (30 is written `0.0333` or `0.033`): a common rate is meant where its frame time, rounded to as many digits, is what is
/// written. Of other rates, one within 0.1 % of a whole number is that number.
pub(super) fn meant(written: &str, seconds: f64) -> f64 {
    let fps = 1.0 / seconds;
    let whole = fps.round();
    let beside = if whole >= 1.0 { (fps - whole).abs() / whole } else { f64::INFINITY };
    if beside < 1e-9 {
        return whole;
    }
    let rounding = last_place(written) / 2.0 * (1.0 + 1e-9);
    let error = |rate: &f64| (1.0 / rate - seconds).abs();
    let nearest = COMMON.into_iter().min_by(|a, b| error(a).total_cmp(&error(b)));
    match nearest.filter(|rate| error(rate) <= rounding) {
        Some(rate) => rate,
        None if beside < 1e-3 => whole,
        None => fps,
    }
}

/// What one more in the last digit of a number would add to it.
fn last_place(written: &str) -> f64 {
    let (digits, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    10f64.powi(exponent.parse::<i32>().unwrap_or(0).saturating_sub(decimals as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fps(written: &str) -> f64 {
        meant(written, written.parse().unwrap())
    }

    #[test]
    fn common_rates_are_known_by_however_many_digits() {
        for (written, expected) in [
            ("0.0333", 30.0),
            ("0.033", 30.0),
            ("0.03333333333333333", 30.0),
            (".033333", 30.0),
            ("3.33e-2", 30.0),
            ("0.0417", 24.0),
            ("0.042", 24.0),
            ("0.04", 25.0),
            ("0.02", 50.0),
            ("0.0167", 60.0),
            ("0.017", 60.0),
            ("0.0111", 90.0),
            ("0.01", 100.0),
            ("0.008333", 120.0),
            ("0.0083", 120.0),
            ("8.3E-3", 120.0),
            ("0.0069", 144.0),
            ("0.0042", 240.0),
            ("0.00416667", 240.0),
        ] {
            assert_eq!(fps(written), expected, "{written}");
        }
    }

    #[test]
    fn other_rates_are_what_is_written() {
        for (written, expected) in [
            ("1", 1.0),
            ("10", 0.1),
            ("0.1", 10.0),
            ("0.05", 20.0),
            ("0.008", 125.0),
            ("0.005", 200.0),
            ("0.043478", 23.0),
            // Television's: too many digits for 30.
            ("0.033367", 1.0 / 0.033_367),
            ("0.0334", 1.0 / 0.0334),
            ("0.016", 62.5),
        ] {
            assert_eq!(fps(written), expected, "{written}");
        }
    }
}
