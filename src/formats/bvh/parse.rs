//! From BVH text to a [`Bvh`]: one pass over the words of the file, every message with its line.

use super::{Axis, Bvh, Channel, MAX_FRAMES, MAX_NODES, MAX_VALUES, Node, rate};
use crate::error::{Error, ErrorKind, Result};

/// Largest magnitude a number may have: keeps forward kinematics finite, and no recording is a million units wide.
const MAX_MAGNITUDE: f64 = 1e6;
/// Longest name of a joint, bytes. Every end site is called after its joint, so that one long name would be kept a thousand times.
const MAX_NAME: usize = 256;

impl Bvh {
    /// Parse the text of a BVH file. Keywords may be in any case; only names must stay on one line.
    ///
    /// # Errors
    /// `bvh_syntax` for text that is not BVH, `bvh_truncated` where the text stops early (with the frame in which it
    /// stops), `bvh_frames` when there are more numbers than the header promises, `bvh_too_large` past the limits.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = Words { rest: text, line: 1 };
        let nodes = hierarchy(&mut words)?;
        motion(&mut words, nodes)
    }
}

/// The words of a text, with the line each stands on.
struct Words<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let start = self.rest.find(|c: char| !c.is_whitespace()).unwrap_or(self.rest.len());
        self.line += self.rest[..start].matches('\n').count();
        self.rest = &self.rest[start..];
        let first = self.rest.chars().next()?;
        // Braces are words of their own even without space around them.
        let end = if matches!(first, '{' | '}') {
            1
        } else {
            self.rest.find(|c: char| c.is_whitespace() || matches!(c, '{' | '}')).unwrap_or(self.rest.len())
        };
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word)
    }

    /// What is left of this line up to a brace: node names may hold spaces.
    fn name(&mut self) -> &'a str {
        let end = self.rest.find(['\n', '\r', '{', '}']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.trim()
    }

    fn required(&mut self, what: &str) -> Result<&'a str> {
        self.next().ok_or_else(|| {
            let message =
                format!("line {}: the text ends where {what} was expected; the file was cut", self.line);
            Error::corrupt("bvh_truncated", message)
        })
    }

    fn expect(&mut self, keyword: &str) -> Result<()> {
        let word = self.required(&format!("\"{keyword}\""))?;
        if word.eq_ignore_ascii_case(keyword) {
            return Ok(());
        }
        Err(self.syntax(format!("expected \"{keyword}\", found {}", quote(word))))
    }

    fn number(&mut self, what: &str) -> Result<f64> {
        let word = self.required(what)?;
        self.parse_number(word, what)
    }

    fn parse_number(&self, word: &str, what: &str) -> Result<f64> {
        match word.parse::<f64>() {
            Ok(value) if value.is_finite() && value.abs() <= MAX_MAGNITUDE => Ok(value),
            Ok(_) => Err(self.syntax(format!("{what} is {}, which is out of range", quote(word)))),
            Err(_) => Err(self.syntax(format!("{what} should be a number, found {}", quote(word)))),
        }
    }

    fn count(&mut self, what: &str, limit: usize) -> Result<usize> {
        let word = self.required(what)?;
        let count: usize = word
            .parse()
            .map_err(|_| self.syntax(format!("{what} should be a whole number, found {}", quote(word))))?;
        if count > limit {
            return Err(self.too_large(format!("{what} is {count}, more than the limit of {limit}")));
        }
        Ok(count)
    }

    fn syntax(&self, message: String) -> Error {
        Error::corrupt("bvh_syntax", format!("line {}: {message}", self.line))
    }

    fn too_large(&self, message: String) -> Error {
        Error::new(ErrorKind::Invalid, "bvh_too_large", format!("line {}: {message}", self.line))
    }
}

/// A word of the file for a message: short, and without control characters.
fn quote(word: &str) -> String {
    let mut shown: String = word.chars().take(24).map(|c| if c.is_control() { '?' } else { c }).collect();
    if word.chars().nth(24).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

fn hierarchy(words: &mut Words<'_>) -> Result<Vec<Node>> {
    words.expect("HIERARCHY")?;
    let mut nodes: Vec<Node> = Vec::new();
    // Nodes whose brace is open, innermost last; whether each has told its offset and channels.
    let mut open: Vec<(usize, bool, bool)> = Vec::new();
    loop {
        let word = words.required(if open.is_empty() { "ROOT or MOTION" } else { "\"}\"" })?;
        match (word.to_ascii_uppercase().as_str(), open.last().copied()) {
            ("ROOT", None) | ("JOINT" | "END", Some(_)) => {
                if nodes.len() == MAX_NODES {
                    return Err(words.too_large(format!("more than {MAX_NODES} joints")));
                }
                let parent = open.last().map(|&(index, _, _)| index);
                let name = match parent {
                    Some(parent) if word.eq_ignore_ascii_case("END") => {
                        words.expect("Site")?;
                        words.name();
                        format!("end of {}", nodes[parent].name)
                    }
                    _ => {
                        let name = words.name();
                        if name.len() > MAX_NAME {
                            let message = format!("{word} has a name longer than {MAX_NAME} bytes");
                            return Err(words.too_large(message));
                        }
                        name.to_owned()
                    }
                };
                if name.is_empty() {
                    return Err(words.syntax(format!("{word} has no name")));
                }
                words.expect("{")?;
                open.push((nodes.len(), false, false));
                nodes.push(Node { name, parent, offset: [0.0; 3], channels: Vec::new() });
            }
            ("OFFSET", Some((index, false, _))) => {
                for value in &mut nodes[index].offset {
                    *value = words.number("an offset")?;
                }
                if let Some(last) = open.last_mut() {
                    last.1 = true;
                }
            }
            ("CHANNELS", Some((index, _, false))) => {
                nodes[index].channels = channels(words)?;
                if let Some(last) = open.last_mut() {
                    last.2 = true;
                }
            }
            ("}", Some((index, has_offset, _))) => {
                if !has_offset {
                    return Err(words.syntax(format!("{} has no OFFSET", quote(&nodes[index].name))));
                }
                open.pop();
            }
            ("MOTION", None) if !nodes.is_empty() => return Ok(nodes),
            _ => {
                let place = match open.last() {
                    Some(&(index, _, _)) => format!("inside {}", quote(&nodes[index].name)),
                    None => "outside any joint".to_owned(),
                };
                return Err(words.syntax(format!("{} does not belong {place}", quote(word))));
            }
        }
    }
}

fn channels(words: &mut Words<'_>) -> Result<Vec<Channel>> {
    // Six are usual; a few tools write scales too, which nothing here could use.
    let count = words.count("the number of channels", 6)?;
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let word = words.required("a channel name")?;
        let lower = word.to_ascii_lowercase();
        let axis = match lower.as_bytes().first() {
            Some(b'x') => Axis::X,
            Some(b'y') => Axis::Y,
            Some(b'z') => Axis::Z,
            _ => return Err(words.syntax(format!("{} is not a channel", quote(word)))),
        };
        let channel = match &lower[1..] {
            "position" => Channel::Position(axis),
            "rotation" => Channel::Rotation(axis),
            _ => {
                let message =
                    format!("{} is not a channel; there are Xposition … and Xrotation …", quote(word));
                return Err(words.syntax(message));
            }
        };
        if list.contains(&channel) {
            return Err(words.syntax(format!("channel {} is named twice", quote(word))));
        }
        list.push(channel);
    }
    Ok(list)
}

fn motion(words: &mut Words<'_>, nodes: Vec<Node>) -> Result<Bvh> {
    words.expect("Frames:")?;
    let frames = words.count("the number of frames", MAX_FRAMES)?;
    words.expect("Frame")?;
    words.expect("Time:")?;
    let written = words.required("the frame time")?;
    let frame_time = words.parse_number(written, "the frame time")?;
    if !(1e-4..=10.0).contains(&frame_time) {
        return Err(words.syntax(format!("a frame time of {frame_time} s is out of range (0.0001 to 10 s)")));
    }
    let channels: usize = nodes.iter().map(|node| node.channels.len()).sum();
    if frames == 0 || channels == 0 {
        return Err(words.syntax("the file holds no motion: it has no frames or no channels".to_owned()));
    }
    let total = frames * channels;
    if total > MAX_VALUES {
        return Err(words.too_large(format!("{frames} frames of {channels} channels are too many numbers")));
    }
    // The header may lie, so believe in no more numbers than the text has room for (a digit and a space each).
    let mut values = Vec::with_capacity(total.min(words.rest.len() / 2 + 1));
    while values.len() < total {
        let Some(word) = words.next() else {
            let (frame, within) = (values.len() / channels, values.len() % channels);
            let place = if within == 0 {
                format!("after frame {frame} of {frames}")
            } else {
                format!("in the middle of frame {} of {frames}", frame + 1)
            };
            let message = format!("line {}: ends {place}; the file was cut", words.line);
            return Err(Error::corrupt("bvh_truncated", message));
        };
        values.push(words.parse_number(word, "a channel value")?);
    }
    if let Some(extra) = words.next() {
        let message = format!(
            "line {}: {} follows the last of {frames} frames; \"Frames:\" or \"CHANNELS\" does not match the numbers",
            words.line,
            quote(extra)
        );
        return Err(Error::corrupt("bvh_frames", message));
    }
    Ok(Bvh { nodes, frames, fps: rate::meant(written, frame_time), values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ARM: &str = "hierarchy\nROOT hip {\n  OFFSET 0 1 0\n  CHANNELS 6 Xposition Yposition Zposition Zrotation \
        Yrotation Xrotation\n  JOINT upper arm\n  {\n    OFFSET 1 0 0\n    CHANNELS 3 Zrotation Xrotation Yrotation\n\
        \x20   End Site\n    {\n      OFFSET 2 0 0\n    }\n  }\n}\nMOTION\nFrames: 2\nFrame Time: .0083333\n\
        0 1 0 0 0 0 90 0 0\n0 1 0 0 0 0 0 0 90\n";

    fn code(text: &str) -> (&'static str, String) {
        let error = Bvh::parse(text).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn reads_names_offsets_channels_and_numbers() {
        let bvh = Bvh::parse(ARM).unwrap();
        let names: Vec<_> = bvh.nodes().iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["hip", "upper arm", "end of upper arm"]);
        assert_eq!(bvh.nodes()[2].parent, Some(1));
        assert_eq!(bvh.nodes()[1].channels[1], Channel::Rotation(Axis::X));
        assert_eq!((bvh.frames(), bvh.fps()), (2, 120.0));
        assert_eq!(bvh.row(1)[8], 90.0);
    }

    #[test]
    fn says_in_which_frame_the_file_was_cut() {
        let (kind, message) = code(ARM.trim_end().trim_end_matches(" 90"));
        assert_eq!(kind, "bvh_truncated");
        assert!(message.contains("in the middle of frame 2 of 2; the file was cut"), "{message}");
        assert!(message.contains("line 19"), "{message}");
        let whole_frame_missing = ARM.replace("0 1 0 0 0 0 0 0 90\n", "");
        assert!(code(&whole_frame_missing).1.contains("after frame 1 of 2"));
    }

    #[test]
    fn every_prefix_is_refused_without_a_panic() {
        let complete = ARM.trim_end().len() - 1;
        for end in (0..complete).filter(|&end| ARM.is_char_boundary(end)) {
            assert!(Bvh::parse(&ARM[..end]).is_err(), "accepted the first {end} bytes");
        }
    }

    #[test]
    fn refuses_lying_counts_and_numbers_that_are_none() {
        assert_eq!(code(&ARM.replace("Frames: 2", "Frames: 1")).0, "bvh_frames");
        assert_eq!(code(&ARM.replace("Frames: 2", "Frames: 999999")).0, "bvh_truncated");
        assert_eq!(code(&ARM.replace("Frames: 2", "Frames: 4000000000")).0, "bvh_too_large");
        assert_eq!(code(&ARM.replace("Frames: 2", "Frames: -2")).0, "bvh_syntax");
        assert_eq!(code(&ARM.replace("Frames: 2", "Frames: 0")).0, "bvh_syntax");
        assert_eq!(code(&ARM.replace(".0083333", "0")).0, "bvh_syntax");
        assert_eq!(code(&ARM.replace("90 0 0", "nan 0 0")).0, "bvh_syntax");
        assert_eq!(code(&ARM.replace("90 0 0", "1e300 0 0")).0, "bvh_syntax");
        assert_eq!(code(&ARM.replace("CHANNELS 3", "CHANNELS 2")).0, "bvh_syntax");
        assert_eq!(code(&ARM.replace("CHANNELS 6", "CHANNELS 600")).0, "bvh_too_large");
        assert_eq!(code("not a bvh").0, "bvh_syntax");
        assert_eq!(code("").0, "bvh_truncated");
    }

    #[test]
    fn deep_or_wide_hierarchies_end_at_the_limit() {
        let deep = format!("HIERARCHY ROOT a {{ OFFSET 0 0 0 {}", "JOINT b\n{ OFFSET 0 0 0 ".repeat(100_000));
        assert_eq!(code(&deep).0, "bvh_too_large");
    }

    #[test]
    fn a_long_name_is_not_kept_for_every_end() {
        let ends = "End Site { OFFSET 0 0 0 }".repeat(1000);
        let named =
            |letters: usize| ARM.replace("upper arm\n  {", &format!("{}\n  {{ {ends}", "a".repeat(letters)));
        assert_eq!(Bvh::parse(&named(MAX_NAME)).unwrap().nodes().len(), 1003);
        assert_eq!(code(&named(MAX_NAME + 1)).0, "bvh_too_large");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Bvh::from_bytes(&bytes);
        }

        #[test]
        fn damaged_files_never_panic(at in 0..ARM.len(), bytes in proptest::collection::vec(any::<u8>(), 1..8)) {
            let mut damaged = ARM.as_bytes().to_vec();
            let end = (at + bytes.len()).min(damaged.len());
            damaged.splice(at..end, bytes);
            if let Ok(bvh) = Bvh::from_bytes(&damaged) {
                for frame in 0..bvh.frames() {
                    prop_assert!(bvh.world_positions(frame as f64).iter().flatten().all(|v| v.is_finite()));
                }
            }
        }
    }
}
