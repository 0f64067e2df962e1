//! Colours and light: the page's light theme, computed in linear RGB and encoded to sRGB at the end.

/// Linear red, green, blue.
pub(super) type Colour = [f32; 3];

/// Towards the light, in the world; not of length 1.
pub(super) const SUN: [f32; 3] = [-0.42, 1.0, 0.5];
/// Light from above and from below.
const SKY: Colour = [0.56, 0.58, 0.62];
const GROUND: Colour = [0.36, 0.34, 0.33];
/// Light at edges that face away from the eye.
const RIM: Colour = [0.28, 0.29, 0.3];
/// The sun's own colour and strength.
const KEY: Colour = [1.12, 1.086, 1.03];

/// sRGB of what surrounds the people.
pub(super) const HIGH: [u8; 3] = [0xee, 0xf0, 0xf2];
pub(super) const LOW: [u8; 3] = [0xe4, 0xe6, 0xe9];
pub(super) const POOL: [u8; 3] = [0xfb, 0xfb, 0xfa];
pub(super) const LINE: [u8; 3] = [0xa6, 0xac, 0xb4];
/// Title, and what is said beneath it.
pub(super) const INK: [u8; 3] = [0x16, 0x19, 0x1e];
pub(super) const SOFT: [u8; 3] = [0x5c, 0x63, 0x6e];

/// One person's colours, linear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tones {
    pub body: Colour,
    pub left: Colour,
    pub right: Colour,
    pub face: Colour,
}

/// Person 1 amber, person 2 teal; the left side is lighter.
pub(super) fn people() -> [Tones; 2] {
    let tones = |body, left, right, face| Tones {
        body: linear(body),
        left: linear(left),
        right: linear(right),
        face: linear(face),
    };
    [
        tones([0xe8, 0x92, 0x0e], [0xff, 0xcf, 0x6e], [0xd9, 0x7a, 0x05], [0xff, 0xd8, 0x98]),
        tones([0x12, 0x92, 0x9b], [0x74, 0xdc, 0xd6], [0x06, 0x7a, 0x86], [0xa5, 0xe8, 0xe2]),
    ]
}

/// sRGB to linear.
pub(super) fn linear(colour: [u8; 3]) -> Colour {
    colour.map(|c| {
        let c = f32::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    })
}

/// Entries of the table from linear to sRGB.
const STEPS: usize = 4096;

/// Light as one camera sees it, and the way from linear to sRGB.
pub(super) struct Light {
    /// Of length 1, in the camera's axes: right, up, towards the eye.
    sun: [f32; 3],
    /// The world's up in the same axes.
    up: [f32; 3],
    /// Halfway between the sun and the eye.
    halfway: [f32; 3],
    encode: Vec<u8>,
}

impl Light {
    /// For a camera with these axes in the world, each of length 1.
    pub(super) fn new(right: [f32; 3], up: [f32; 3], back: [f32; 3]) -> Self {
        let seen = |v: [f32; 3]| [dot(v, right), dot(v, up), dot(v, back)];
        let sun = unit(seen(SUN));
        let halfway = unit([sun[0], sun[1], sun[2] + 1.0]);
        let encode = (0..STEPS)
            .map(|i| {
                let c = i as f32 / (STEPS - 1) as f32;
                let s = if c <= 0.003_130_8 { c * 12.92 } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
                (255.0 * s).round() as u8
            })
            .collect();
        Self { sun, up: seen([0.0, 1.0, 0.0]), halfway, encode }
    }

    /// Linear to sRGB.
    pub(super) fn encode(&self, colour: Colour) -> [u8; 3] {
        // The cast saturates, so that no colour is out of the table.
        colour.map(|c| self.encode[((c * (STEPS - 1) as f32 + 0.5) as usize).min(STEPS - 1)])
    }

    /// Colour of a surface of `tone` that faces along `n` (the camera's axes, length 1), `height` metres above the floor and
    /// open to the light by `open`, 0 to 1.
    pub(super) fn shade(&self, tone: Colour, n: [f32; 3], height: f32, open: f32) -> [u8; 3] {
        let key = dot(n, self.sun);
        let upward = dot(n, self.up);
        // Light wraps a little past the edge, as on skin and cloth.
        let wrapped = ((key + 0.25) / 1.25).clamp(0.0, 1.0);
        let diffuse = wrapped * wrapped * open;
        let ambient = (0.62 + 0.38 * (height / 0.9).clamp(0.0, 1.0)) * (0.55 + 0.45 * open);
        let glance = 1.0 - n[2].clamp(0.0, 1.0);
        let edge = glance * glance * glance * (0.45 + 0.55 * upward.max(0.0));
        let gloss = dot(n, self.halfway).max(0.0).powi(36) * 0.14 * open;
        let blend = upward * 0.5 + 0.5;
        self.encode(std::array::from_fn(|c| {
            let around = (GROUND[c] + (SKY[c] - GROUND[c]) * blend) * ambient;
            let light = tone[c] * (around + KEY[c] * diffuse);
            let lit = light + gloss + RIM[c] * edge * (0.45 + 0.88 * tone[c]);
            lit / (1.0 + (lit - 0.72).max(0.0) * 0.55)
        }))
    }
}

pub(super) fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn unit(v: [f32; 3]) -> [f32; 3] {
    let length = dot(v, v).sqrt().max(1e-9);
    v.map(|x| x / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead() -> Light {
        Light::new([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    }

    #[test]
    fn every_colour_survives_the_way_to_linear_and_back() {
        let light = ahead();
        for c in 0..=255 {
            assert!(light.encode(linear([c; 3]))[0].abs_diff(c) <= u8::from(c < 30), "{c}");
        }
        assert_eq!(light.encode([-1.0, 9.0, f32::NAN]), [0, 255, 0]);
    }

    #[test]
    fn what_faces_the_sun_is_brighter() {
        let light = ahead();
        let brightness = |n, open| {
            let [r, g, b] = light.shade(people()[1].body, n, 1.0, open);
            u32::from(r) + u32::from(g) + u32::from(b)
        };
        // All turned from the eye by the same angle: edges have a light of their own.
        assert!(brightness([0.0, 0.8, 0.6], 1.0) > brightness([0.0, -0.8, 0.6], 1.0));
        assert!(brightness([-0.8, 0.0, 0.6], 1.0) > brightness([0.8, 0.0, 0.6], 1.0));
        assert!(brightness([0.0, 0.8, 0.6], 1.0) > brightness([0.0, 0.8, 0.6], 0.3));
    }
}
