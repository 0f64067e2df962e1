//! Two people and what a camera sees of them in one frame.

use super::cone::{self, Surfaces};
use super::figure::{self, Build, Cone};
use super::floor::Floor;
use super::frame::Frame;
use super::light::{Light, Tones, people};
use super::shade_map::ShadeMap;
use super::shot::{Area, Shot};
use super::{FARTHEST, check};
use crate::error::Result;
use crate::motion::{Motion, Vec3};

/// A motion that can be drawn.
pub(super) struct Scene<'m> {
    motion: &'m Motion,
    builds: [Build; 2],
    tones: [Tones; 2],
}

impl<'m> Scene<'m> {
    /// # Errors
    /// `empty_motion`, `persons_differ_in_length`.
    pub(super) fn new(motion: &'m Motion) -> Result<Self> {
        check(motion)?;
        Ok(Self { motion, builds: motion.persons.each_ref().map(Build::of), tones: people() })
    }

    /// Number of frames.
    pub(super) fn frames(&self) -> usize {
        self.motion.frames()
    }

    /// Joints of both people in a frame.
    pub(super) fn points(&self, frame: usize) -> impl Iterator<Item = Vec3> + '_ {
        let joints = self.motion.persons.iter().flat_map(move |person| &person.positions[frame]);
        joints.map(|joint| joint.map(|v| v.clamp(-FARTHEST, FARTHEST)))
    }

    /// From person 1 to person 2 on the floor, in the first frame; any direction where they share a place.
    pub(super) fn along(&self) -> [f32; 2] {
        let [a, b] = self.motion.persons.each_ref().map(|person| person.positions[0][0]);
        let d = [b[0] - a[0], b[2] - a[2]];
        if d[0].hypot(d[1]) > 0.05 { d } else { [1.0, 0.0] }
    }

    /// Middle between the pelvises on the floor.
    pub(super) fn middle(&self, frame: usize) -> Vec3 {
        let [a, b] = self
            .motion
            .persons
            .each_ref()
            .map(|person| person.positions[frame][0].map(|v| v.clamp(-FARTHEST, FARTHEST)));
        [0.5 * (a[0] + b[0]), 0.0, 0.5 * (a[2] + b[2])]
    }

    /// Both bodies in a frame.
    pub(super) fn cones(&self, frame: usize) -> Vec<Cone> {
        let mut cones = Vec::with_capacity(160);
        for ((person, build), tones) in self.motion.persons.iter().zip(self.builds).zip(&self.tones) {
            figure::draw(&mut cones, &person.positions[frame], build, tones);
        }
        cones
    }
}

/// One camera's part of a picture.
pub(super) struct View {
    shot: Shot,
    area: Area,
    light: Light,
    floor: Floor,
    surfaces: Surfaces,
}

impl View {
    /// `shot` fills `area` of a picture of `height` pixels; see [`Floor::new`] for the rest.
    pub(super) fn new(shot: Shot, area: Area, height: usize, focus: [f32; 2], seams: [bool; 2]) -> Self {
        let light = Light::new(shot.right, shot.up, shot.back);
        let floor = Floor::new(&shot, area, height, focus, seams, &light);
        Self { shot, area, light, floor, surfaces: Surfaces::new(area.width * area.height) }
    }

    /// Draw the floor and the bodies.
    pub(super) fn draw(&mut self, frame: &mut Frame, cones: &[Cone], shades: &ShadeMap) {
        self.floor.draw(frame, &self.shot, shades, &self.light);
        cone::draw(cones, frame, &mut self.surfaces, self.area, &self.shot, &self.light);
    }
}
