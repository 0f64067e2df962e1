//! H.264 by OpenH264 (constant quality, one thread, so that bytes repeat), in an MP4 file with its index first.

use super::yuv::Planes;
use crate::error::{Error, Result};
use crate::motion::FPS;
use crate::render::Film;
use muxide::api::{Metadata, MuxerBuilder, VideoCodec};
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, RateControlMode,
    VuiConfig,
};
use openh264::formats::YUVSlices;
use std::io::Cursor;

/// Frames from one that stands by itself to the next: how finely a player can jump.
const KEY_EVERY: u32 = 60;
/// Bits a second. The rate is not controlled; the number only tells the stream's level.
const BITS: u32 = 4_000_000;

/// Draw and encode all frames.
pub(super) fn write(mut film: Film<'_>, title: Option<&str>) -> Result<Vec<u8>> {
    let config = EncoderConfig::new()
        .rate_control_mode(RateControlMode::Off)
        .bitrate(BitRate::from_bps(BITS))
        .max_frame_rate(FrameRate::from_hz(FPS))
        .complexity(Complexity::Medium)
        .intra_frame_period(IntraFramePeriod::from_num_frames(KEY_EVERY))
        .scene_change_detect(false)
        .background_detection(false)
        .adaptive_quantization(false)
        .skip_frames(false)
        .num_threads(1)
        .vui(VuiConfig::bt709());
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(failed)?;
    let mut out = Cursor::new(Vec::new());
    let (width, height) = {
        let first = film.draw(0);
        (first.width(), first.height())
    };
    let mut builder = MuxerBuilder::new(&mut out)
        .video(VideoCodec::H264, width as u32, height as u32, f64::from(FPS))
        .with_fast_start(true);
    if let Some(title) = title {
        builder = builder.with_metadata(Metadata::new().with_title(title));
    }
    let mut muxer = builder.build().map_err(failed)?;
    let mut planes = Planes::default();
    for n in 0..film.frames() {
        planes.read(film.draw(n));
        let slices =
            YUVSlices::new((&planes.y, &planes.u, &planes.v), (width, height), (width, width / 2, width / 2));
        let stream = encoder.encode(&slices).map_err(failed)?;
        let is_key = stream.frame_type() == FrameType::IDR;
        muxer.write_video(n as f64 / f64::from(FPS), &stream.to_vec(), is_key).map_err(failed)?;
    }
    muxer.finish().map_err(failed)?;
    Ok(out.into_inner())
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("video_encode", "the video could not be encoded; the log has the cause")
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use crate::formats::{Origin, video};
    use crate::motion::Motion;
    use crate::motion::kinematics::tests::walk;
    use crate::render::Views;

    /// Kinds and contents of the boxes in `bytes`.
    fn boxes(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
        let mut found = Vec::new();
        while bytes.len() >= 8 {
            let size = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
            assert!((8..=bytes.len()).contains(&size), "a box of {size} bytes");
            found.push((String::from_utf8_lossy(&bytes[4..8]).into_owned(), &bytes[8..size]));
            bytes = &bytes[size..];
        }
        assert!(bytes.is_empty(), "nothing after the last box");
        found
    }

    fn inside<'a>(bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
        path.iter().fold(bytes, |bytes, kind| {
            let found = boxes(bytes);
            found.iter().find(|(name, _)| name == kind).unwrap_or_else(|| panic!("no {kind} in {found:?}")).1
        })
    }

    fn number(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn the_file_has_its_index_first_every_frame_and_the_same_bytes_again() {
        let motion = Motion { persons: [walk(9), walk(9)] };
        let origin = Origin { prompt: Some("two people walk – 握手".into()), ..Origin::default() };
        let file = video::mp4(&motion, &origin, Views::Two).unwrap();
        let kinds: Vec<_> = boxes(&file).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds[0], "ftyp");
        let at = |kind: &str| kinds.iter().position(|k| k == kind).unwrap();
        assert!(at("moov") < at("mdat"), "{kinds:?}");

        let media = inside(&file, &["moov", "trak", "mdia"]);
        let header = inside(media, &["mdhd"]);
        let (rate, duration) = (number(header, 12), number(header, 16));
        assert_eq!(u64::from(duration) * 30, u64::from(rate) * 9, "9 frames at 30 a second");
        let table = inside(media, &["minf", "stbl"]);
        let sizes = inside(table, &["stsz"]);
        assert_eq!(number(sizes, 8), 9, "frames");
        let sum: usize = (0..9).map(|n| number(sizes, 12 + 4 * n) as usize).sum();
        assert_eq!(sum, inside(&file, &["mdat"]).len(), "the frames are all that is in the data");
        let entry = &inside(table, &["stsd"])[8..];
        assert_eq!(&entry[4..8], b"avc1");
        let size = |at: usize| u16::from_be_bytes(entry[at..at + 2].try_into().unwrap());
        assert_eq!((size(32), size(34)), (960, 540));
        // The first of them lies where the index says.
        let offset = number(inside(table, &["stco"]), 8) as usize;
        let first = number(&file, offset) as usize;
        assert!(first > 0 && first < number(sizes, 12) as usize, "a length before the first unit: {first}");
        assert_eq!(video::mp4(&motion, &origin, Views::Two).unwrap(), file);
    }
}
