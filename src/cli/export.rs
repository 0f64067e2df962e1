//! `duet export`: results on disk, or any two keypoint files, as files for other programs.

use super::put::{Named, put, refuse_other_content};
use super::record::{Kept, Made};
use crate::engine::origin;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::bvh::Unit;
use crate::formats::{Choices, Exporter, Format, MotionFile, Origin, npy};
use crate::motion::Motion;
use crate::motion::animation::FrameRate;
use crate::render::{Camera, Views};
use clap::Args;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  duet export out/                                     GLB and BVH of every sample, into out/
  duet export out/ --to bvh --units cm --fps 60 --out for-the-engine/
  duet export out/ --to gif --camera 45,20,4             a film from one side: azimuth, elevation, distance
  duet export person1.npy person2.npy --to glb --out out/

Files, for each sample:
  ..._motion.glb                         both people with bodies, one animation: Blender, Unity, Unreal, the web
  ..._person1.bvh  ..._person2.bvh       a skeleton a person, in the same world
  ..._motion.npz                         arrays for NumPy, with the prompt and settings
  ..._person1.amass.npz  ..._person2...  a person's rotations as AMASS has them, z up: tools around SMPL bodies
  ..._motion.gif   ..._motion.mp4        a film, from two sides or from --camera (MP4: programs built with it)
  ..._sheet.png                          a contact sheet
Foot-fixed keypoints are taken where there are some. docs/exports.md says what to choose when importing.";

/// Write results on disk as GLB, BVH, npz, AMASS, videos or pictures.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ExportArgs {
    /// A folder that `duet generate` wrote, or two npy files: of person 1, then of person 2
    #[arg(required = true, num_args = 1..=2, value_name = "RESULT")]
    sources: Vec<PathBuf>,
    /// Formats, with commas between them: glb, bvh, npz, amass, gif, png, and mp4 where it was built in
    #[arg(
        long,
        visible_alias = "format",
        value_name = "FORMATS",
        value_delimiter = ',',
        default_value = "glb,bvh"
    )]
    to: Vec<Format>,
    /// Folder to write to; made if it is not there [default: where the result is]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Unit of length in BVH files: m or cm
    #[arg(long, value_name = "UNIT", default_value = "m")]
    units: Unit,
    /// Frames a second of GLB, BVH and AMASS files, 1 to 240 [default: 30, as generated]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    fps: Option<f64>,
    /// Where MP4 and GIF look from instead of from two sides: degrees around the pair (0: person 1 left, person 2 right),
    /// degrees above level, and metres away [default: as near as shows everything]
    #[arg(long, value_name = "AZIMUTH,ELEVATION[,DISTANCE]", allow_hyphen_values = true)]
    camera: Option<Camera>,
    /// Replace files of the same names that hold something else
    #[arg(long)]
    overwrite: bool,
}

/// Read, solve and write.
///
/// # Errors
/// Those of the flags, of the files that are read, and of the disk.
pub fn run(args: ExportArgs) -> anyhow::Result<()> {
    export(Asked::try_from(args)?, &mut io::stdout().lock())
}

/// The flags, sorted.
struct Asked {
    pairs: Vec<Pair>,
    files: Vec<MotionFile>,
    out: PathBuf,
    choices: Choices,
    overwrite: bool,
}

impl TryFrom<ExportArgs> for Asked {
    type Error = Error;

    fn try_from(args: ExportArgs) -> Result<Self> {
        let rate = args.fps.map_or(Ok(FrameRate::OWN), FrameRate::new)?;
        if args.to.contains(&Format::Npy) {
            return Err(Error::invalid("already_npy", "the result is npy already; choose another format"));
        }
        let keeps_its_rate = |format: &&Format| !matches!(format, Format::Glb | Format::Bvh | Format::Amass);
        if let Some(format) = args.to.iter().find(keeps_its_rate).filter(|_| rate != FrameRate::OWN) {
            let message = format!("{format} keeps the motion's own frame rate; leave --fps or {format} away");
            let code = if *format == Format::Npz { "npz_keeps_its_rate" } else { "format_keeps_its_rate" };
            return Err(Error::invalid(code, message));
        }
        let views = args.camera.map_or(Views::Two, Views::One);
        let files: Vec<MotionFile> =
            MotionFile::ALL.into_iter().filter(|file| args.to.contains(&file.format())).collect();
        if args.camera.is_some() && !files.iter().any(|file| file.has_camera()) {
            let message = "only gif and mp4 are filmed from a camera; ask for one of them with --to";
            return Err(Error::invalid("no_camera", message));
        }
        let (pairs, beside) = match &args.sources[..] {
            [folder] if folder.is_dir() => (Pair::in_folder(folder)?, folder.clone()),
            [first, second] => {
                (vec![Pair::of(first, second)], first.parent().unwrap_or(Path::new("")).to_owned())
            }
            _ => {
                let message =
                    "give a folder that duet generate wrote, or two npy files: of person 1, then of person 2";
                return Err(Error::invalid("no_result", message));
            }
        };
        Ok(Self {
            pairs,
            files,
            out: args.out.unwrap_or(beside),
            choices: Choices { unit: args.units, rate, views },
            overwrite: args.overwrite,
        })
    }
}

/// Keypoint files of two people who belong together.
#[derive(Debug, PartialEq)]
struct Pair {
    /// What its files are called after.
    base: String,
    paths: [PathBuf; 2],
    origin: Origin,
}

impl Pair {
    /// Two files that the user put together. Where they come from is known of the two people of a listed sample only, in
    /// either order.
    fn of(first: &Path, second: &Path) -> Self {
        let stem = first.file_stem().and_then(OsStr::to_str).unwrap_or("motion");
        let base = stem.strip_suffix("_0").unwrap_or(stem).to_owned();
        let origin = Self::origin_of_two(first, second).unwrap_or_default();
        Self { base, paths: [first.to_owned(), second.to_owned()], origin }
    }

    fn origin_of_two(first: &Path, second: &Path) -> Option<Origin> {
        let folder = first.parent()?;
        let [a, b] = [first, second].map(|path| path.file_name().and_then(OsStr::to_str));
        let ((sample, one), (other_sample, other)) = (half(a?)?, half(b?)?);
        if second.parent() != Some(folder) || sample != other_sample || one == other {
            return None;
        }
        let kept = Kept::read(folder)?;
        let is_listed = |name: Option<&str>| kept.files().any(|file| Some(file) == name);
        (is_listed(a) && is_listed(b)).then(|| origin_of(plain(sample), kept.made().as_ref()))
    }

    /// The samples of a result, of each the foot-fixed motion where there is one.
    ///
    /// # Errors
    /// `no_result` where there are none; those of the disk.
    fn in_folder(folder: &Path) -> Result<Vec<Self>> {
        let kept = Kept::read(folder);
        let names: Vec<String> = match &kept {
            Some(kept) => kept.files().map(str::to_owned).collect(),
            None => std::fs::read_dir(folder)
                .map_err(|e| Error::io("read", folder, e))?
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .collect(),
        };
        let made = kept.and_then(|kept| kept.made());
        let mut pairs = BTreeMap::new();
        for name in &names {
            let Some(stem) = name.strip_suffix("_0.npy") else { continue };
            let other = format!("{stem}_1.npy");
            if !names.contains(&other) {
                continue;
            }
            let base = plain(stem);
            if base != stem || !pairs.contains_key(base) {
                let paths = [folder.join(name), folder.join(other)];
                let pair = Self { base: base.to_owned(), paths, origin: origin_of(base, made.as_ref()) };
                pairs.insert(base.to_owned(), pair);
            }
        }
        if pairs.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "no_result",
                format!(
                    "{} holds no keypoints of two people (files ending in _0.npy and _1.npy)",
                    folder.display()
                ),
            ));
        }
        Ok(pairs.into_values().collect())
    }

    fn read(&self) -> Result<Motion> {
        let person = |path: &Path| {
            npy::read_person(&npy::load(path)?).map_err(|error| {
                Error::new(error.kind(), error.code(), format!("{}: {error}", path.display()))
                    .with_source(error)
            })
        };
        let [first, second] = &self.paths;
        Ok(Motion { persons: [person(first)?, person(second)?] })
    }
}

/// The sample that a keypoint file is of, and whether of the first or of the second person.
fn half(name: &str) -> Option<(&str, usize)> {
    let stem = name.strip_suffix(".npy")?;
    stem.strip_suffix("_0").map(|sample| (sample, 0)).or(stem.strip_suffix("_1").map(|sample| (sample, 1)))
}

/// A sample's name without the mark of planted feet.
fn plain(sample: &str) -> &str {
    sample.strip_prefix("ik_").unwrap_or(sample)
}

/// Where the sample whose number ends `base` comes from.
fn origin_of(base: &str, made: Option<&Made>) -> Origin {
    let Some(made) = made else { return Origin::default() };
    let sample = base.rsplit('_').next().and_then(|digits| digits.parse().ok());
    sample
        .filter(|sample| *sample < made.settings.samples)
        .map(|sample| origin(&made.model, &made.prompt, &made.settings, made.edit.clone(), sample))
        .unwrap_or_default()
}

fn export(asked: Asked, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let mut files: Vec<Named> = Vec::new();
    let mut fits = Vec::with_capacity(asked.pairs.len());
    for pair in &asked.pairs {
        let motion = pair.read()?;
        let exporter = Exporter::new(&motion, &pair.origin, asked.choices)?;
        for &file in &asked.files {
            files.push((file.name(&pair.base), exporter.bytes(file)?));
        }
        fits.push((&pair.base, exporter.fit()?));
    }
    if !asked.overwrite {
        files.iter().try_for_each(|(name, bytes)| refuse_other_content(&asked.out.join(name), bytes))?;
    }
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let is_beside = asked.pairs.iter().any(|pair| pair.paths[0].parent() == Some(&asked.out));
    if is_beside && let Some(kept) = Kept::read(&asked.out) {
        // So that they leave with the result when another takes its place.
        files.extend(kept.with_files(&names)?);
    }
    put(&asked.out, &files)?;
    for (base, fit) in fits {
        let (mean, max) = (1e3 * fit.mean, 1e3 * fit.max);
        writeln!(
            stdout,
            "{base}: skeleton within {mean:.1} mm of the keypoints on average, {max:.1} mm at worst"
        )?;
    }
    for name in &names {
        writeln!(stdout, "wrote {}", asked.out.join(name).display())?;
    }
    Ok(stdout.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::results::write_for_test;
    use crate::engine::{ResultFile, fake};
    use crate::formats::bvh::Bvh;
    use std::fs;

    fn args(sources: &[&Path], to: &[Format], out: Option<&Path>) -> ExportArgs {
        ExportArgs {
            sources: sources.iter().map(|&path| path.to_owned()).collect(),
            to: to.to_vec(),
            out: out.map(Path::to_owned),
            units: Unit::Metres,
            fps: None,
            camera: None,
            overwrite: false,
        }
    }

    fn run(args: ExportArgs) -> std::result::Result<String, &'static str> {
        let mut told = Vec::new();
        let done =
            Asked::try_from(args).map_err(anyhow::Error::from).and_then(|asked| export(asked, &mut told));
        done.map_err(|error| error.downcast_ref::<Error>().map_or("other", Error::code))?;
        Ok(String::from_utf8(told).unwrap())
    }

    /// A result of two samples in a folder, in these formats.
    fn result(folder: &Path, formats: &[Format]) {
        let finished = fake::finished(16, 2);
        write_for_test(&finished, folder, formats, false).unwrap();
    }

    #[test]
    fn a_result_exports_to_the_bytes_that_generate_writes() {
        let (made, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        result(made.path(), &Format::ALL);
        let mut to = Format::ALL.to_vec();
        to.retain(|format| *format != Format::Npy && (*format != Format::Mp4 || cfg!(feature = "mp4")));
        let told = run(args(&[made.path()], &to, Some(out.path()))).unwrap();
        // Of each sample two BVH and two AMASS files.
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 2 * (to.len() + 2), "{told}");
        for entry in fs::read_dir(out.path()).unwrap() {
            let name = entry.unwrap().file_name();
            assert_eq!(fs::read(out.path().join(&name)).unwrap(), fs::read(made.path().join(&name)).unwrap());
        }
    }

    #[test]
    fn exports_beside_a_result_belong_to_it() {
        let made = tempfile::tempdir().unwrap();
        result(made.path(), &[Format::Npy]);
        run(args(&[made.path()], &[Format::Glb], None)).unwrap();
        let kept = Kept::read(made.path()).unwrap();
        assert_eq!(kept.files().filter(|name| name.ends_with("_motion.glb")).count(), 2);
        assert!(kept.made().is_some() && kept.files().all(|name| made.path().join(name).is_file()));
        run(args(&[made.path()], &[Format::Glb], None)).expect("the same bytes may be written again");
        // The next result takes them away.
        let finished = fake::finished(24, 1);
        write_for_test(&finished, made.path(), &[Format::Npy], true).unwrap();
        let is_glb = |path: PathBuf| path.extension().is_some_and(|ending| ending == "glb");
        assert!(!fs::read_dir(made.path()).unwrap().any(|entry| is_glb(entry.unwrap().path())));
    }

    #[test]
    fn two_files_at_another_rate_and_unit() {
        let (made, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        result(made.path(), &[Format::Npy]);
        let base = made.path().join("infer_fake_ts20_cs2_topkr0.9_00_");
        let paths: Vec<PathBuf> = ResultFile::expected(1, false)
            .take(2)
            .map(|file| file.name(&base.display().to_string()).into())
            .collect();
        let mut asked = args(&[&paths[0], &paths[1]], &[Format::Bvh], Some(out.path()));
        asked.units = Unit::Centimetres;
        asked.fps = Some(60.0);
        run(asked).unwrap();
        let bvh = Bvh::read(&out.path().join("infer_fake_ts20_cs2_topkr0.9_00_00_person2.bvh")).unwrap();
        assert_eq!((bvh.frames(), bvh.fps()), (31, 60.0));
        let pelvis = bvh.world_positions(0.0)[0];
        assert!((pelvis[0] - 50.0).abs() < 1e-3, "half a metre in centimetres: {pelvis:?}");
        let again = args(&[&paths[0], &paths[1]], &[Format::Bvh], Some(out.path()));
        assert_eq!(run(again).unwrap_err(), "file_exists");
    }

    #[test]
    fn two_files_have_the_origin_of_the_sample_that_both_are_of() {
        let (made, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        result(made.path(), &[Format::Npy]);
        result(other.path(), &[Format::Npy]);
        let path = |folder: &tempfile::TempDir, end: &str| {
            folder.path().join(format!("infer_fake_ts20_cs2_topkr0.9_00_{end}.npy"))
        };
        let origin = |first: &Path, second: &Path| Pair::of(first, second).origin;
        let [a, b, next] = ["00_0", "00_1", "01_1"].map(|end| path(&made, end));
        assert_eq!(origin(&a, &b).seed, Some(7));
        assert_eq!(origin(&b, &a), origin(&a, &b), "the people may be exchanged");
        assert_eq!(origin(&path(&made, "01_0"), &next).seed, Some(8));
        let fixed = |path: &Path| {
            path.with_file_name(format!("ik_{}", path.file_name().and_then(OsStr::to_str).unwrap()))
        };
        assert_eq!(origin(&fixed(&b), &fixed(&a)), origin(&a, &b));
        for second in [&a, &next, &fixed(&b), &path(&other, "00_1"), &made.path().join("settings.json")] {
            assert_eq!(origin(&a, second), Origin::default(), "{}", second.display());
        }
        // No such sample was asked for, whatever the files are called.
        let kept = Kept::read(made.path()).unwrap().made();
        assert_eq!(origin_of("infer_fake_ts20_cs2_topkr0.9_00_02", kept.as_ref()), Origin::default());
    }

    #[test]
    fn what_cannot_be_exported_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let glb = [Format::Glb];
        assert_eq!(run(args(&[folder.path()], &glb, None)).unwrap_err(), "no_result");
        assert_eq!(run(args(&["one.npy".as_ref()], &glb, None)).unwrap_err(), "no_result");
        assert_eq!(
            run(args(&["a.npy".as_ref(), "b.npy".as_ref()], &glb, None)).unwrap_err(),
            "file_not_found"
        );
        assert_eq!(run(args(&[folder.path()], &[Format::Npy], None)).unwrap_err(), "already_npy");
        let mut fast = args(&[folder.path()], &[Format::Npz], None);
        fast.fps = Some(60.0);
        assert_eq!(run(fast).unwrap_err(), "npz_keeps_its_rate");
        let mut fast = args(&[folder.path()], &[Format::Gif], None);
        fast.fps = Some(60.0);
        assert_eq!(run(fast).unwrap_err(), "format_keeps_its_rate");
        let mut seen = args(&[folder.path()], &glb, None);
        seen.camera = Some("30,10".parse().unwrap());
        assert_eq!(run(seen).unwrap_err(), "no_camera");
        let mut still = args(&[folder.path()], &glb, None);
        still.fps = Some(0.0);
        assert_eq!(run(still).unwrap_err(), "fps_out_of_range");
        fs::write(folder.path().join("x_0.npy"), "no npy").unwrap();
        fs::write(folder.path().join("x_1.npy"), "no npy").unwrap();
        assert_eq!(run(args(&[folder.path()], &glb, None)).unwrap_err(), "npy_corrupt");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is written");
    }
}
