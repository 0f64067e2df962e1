//! Where a person asks to look from.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// Degrees above the floor: from level to straight down.
const ELEVATION: std::ops::RangeInclusive<f64> = 0.0..=90.0;
/// Degrees around, so that a turn can be written either way.
const AZIMUTH: std::ops::RangeInclusive<f64> = -360.0..=360.0;
/// Metres from the eye to the middle of the motion.
const DISTANCE: std::ops::RangeInclusive<f64> = 0.5..=50.0;

/// A direction of view around the pair, and how far away to stand. Every value is in range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Degrees around the pair, counterclockwise seen from above. At 0 person 1 is to the left and person 2 to the right in
    /// the first frame.
    azimuth: f64,
    /// Degrees above level.
    elevation: f64,
    /// Metres to the middle of the motion; `None`: as near as shows all of it.
    distance: Option<f64>,
}

impl Camera {
    /// The page's first view.
    pub(super) const FRONT: Self = Self { azimuth: 24.0, elevation: 11.0, distance: None };
    /// Nearly at right angles to it, and higher, so that whoever is behind shows.
    pub(super) const SIDE: Self = Self { azimuth: -62.0, elevation: 17.0, distance: None };

    /// Check the numbers.
    ///
    /// # Errors
    /// `camera_out_of_range`.
    pub fn new(azimuth: f64, elevation: f64, distance: Option<f64>) -> Result<Self> {
        let is_near = distance.is_none_or(|metres| DISTANCE.contains(&metres));
        if AZIMUTH.contains(&azimuth) && ELEVATION.contains(&elevation) && is_near {
            return Ok(Self { azimuth, elevation, distance });
        }
        Err(Error::invalid(
            "camera_out_of_range",
            format!(
                "a camera has an azimuth of {} to {} degrees, an elevation of {} to {} degrees and, if any, a distance of {} to {} m",
                AZIMUTH.start(),
                AZIMUTH.end(),
                ELEVATION.start(),
                ELEVATION.end(),
                DISTANCE.start(),
                DISTANCE.end()
            ),
        ))
    }

    /// Radians.
    pub(super) fn azimuth(&self) -> f64 {
        self.azimuth.to_radians()
    }

    /// Radians.
    pub(super) fn elevation(&self) -> f64 {
        self.elevation.to_radians()
    }

    /// Metres.
    pub(super) fn distance(&self) -> Option<f64> {
        self.distance
    }
}

impl FromStr for Camera {
    type Err = Error;

    /// `AZIMUTH,ELEVATION` or `AZIMUTH,ELEVATION,DISTANCE`.
    fn from_str(text: &str) -> Result<Self> {
        let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some([azimuth, elevation]) => Self::new(*azimuth, *elevation, None),
            Some([azimuth, elevation, distance]) => Self::new(*azimuth, *elevation, Some(*distance)),
            _ => Err(Error::invalid(
                "invalid_camera",
                "a camera is AZIMUTH,ELEVATION or AZIMUTH,ELEVATION,DISTANCE in degrees and metres, such as 30,15,5",
            )),
        }
    }
}

impl fmt::Display for Camera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.azimuth, self.elevation)?;
        self.distance.map_or(Ok(()), |metres| write!(f, ",{metres}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_is_in_range_and_written_the_same(
            noise in ".{0,24}",
            numbers in "[-+]?[0-9.einfa]{1,6}(, ?[-+]?[0-9.e]{1,6}){1,2}",
        ) {
            for camera in [noise.parse::<Camera>(), numbers.parse()].into_iter().flatten() {
                prop_assert!(AZIMUTH.contains(&camera.azimuth) && ELEVATION.contains(&camera.elevation));
                prop_assert!(camera.distance.is_none_or(|metres| DISTANCE.contains(&metres)));
                prop_assert_eq!(camera.to_string().parse::<Camera>().unwrap(), camera);
            }
        }

        #[test]
        fn every_camera_comes_back(
            azimuth in AZIMUTH, elevation in ELEVATION, distance in prop::option::of(DISTANCE),
        ) {
            let camera = Camera::new(azimuth, elevation, distance).unwrap();
            prop_assert_eq!(camera.to_string().parse::<Camera>().unwrap(), camera);
        }
    }

    #[test]
    fn two_or_three_numbers_in_range() {
        assert_eq!("30, 15".parse::<Camera>().unwrap(), Camera::new(30.0, 15.0, None).unwrap());
        let near: Camera = "-90,0,2.5".parse().unwrap();
        assert_eq!((near.distance(), near.to_string().as_str()), (Some(2.5), "-90,0,2.5"));
        for wrong in ["", "30", "a,b", "1,2,3,4", "1,,2"] {
            assert_eq!(wrong.parse::<Camera>().unwrap_err().code(), "invalid_camera", "{wrong}");
        }
        for far in ["400,0", "0,91", "0,-1", "0,0,0", "nan,0", "0,inf", "0,0,51"] {
            assert_eq!(far.parse::<Camera>().unwrap_err().code(), "camera_out_of_range", "{far}");
        }
    }
}
