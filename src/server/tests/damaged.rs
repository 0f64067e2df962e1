//! Damaged and strange files sent to `POST /edit`: each is refused, as the caller's mistake and as the description says.

use super::*;
use crate::engine::ModelSpec;
use crate::error::{Error, Result};
use crate::formats::bvh::{self, Unit};
use crate::formats::npy;
use crate::generate::{EditRequest, GenerateRequest, Generated, Generator, Onlooker, Progress};
use crate::motion::animation::Animation;
use crate::motion::kinematics::tests::walk;
use crate::motion::placement::Placement;
use crate::motion::{JOINTS, Person};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Numbers of 40 frames of keypoints.
const NUMBERS: usize = 40 * JOINTS * 9;
const SHAPE: &str = "(40, 22, 9)";

async fn edit(house: &House, kind: &str, files: &[&[u8]]) -> Answer {
    let files: Vec<_> = files.iter().map(|file| STANDARD.encode(file)).collect();
    let body = json!({"kind": kind, "prompt": "they bow", "files": files}).to_string();
    let asked = request(Method::POST, "/edit").header("content-type", "application/json");
    house.send(asked.body(body.into()).unwrap()).await
}

/// An npy file of version 1, whatever its header says.
fn npy_of(descr: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

fn doubles(number: f64, count: usize) -> Vec<u8> {
    number.to_le_bytes().repeat(count)
}

fn walker() -> Vec<u8> {
    npy::write_person(&walk(40)).unwrap()
}

/// What is wrong with each, and what is answered.
fn damaged() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let whole = walker();
    let mut longer = whole.clone();
    longer.push(0);
    let text = |text: &str| format!("HIERARCHY\n{text}").into_bytes();
    let skeleton = "ROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\nMOTION\n";
    let motion = |rest: &str| text(&format!("{skeleton}{rest}"));
    let pickle = b"\x80\x04cos\nsystem\n.";
    vec![
        ("empty", vec![], 400, "not_a_motion"),
        ("a program", b"MZ\0\0".to_vec(), 400, "not_a_motion"),
        ("an archive", b"PK\x03\x04".to_vec(), 400, "not_a_motion"),
        ("text", b"two people walk".to_vec(), 400, "not_a_motion"),
        ("Python objects", npy_of("'|O'", SHAPE, pickle), 422, "npy_unsupported"),
        ("complex numbers", npy_of("'<c16'", SHAPE, &doubles(0.5, 2 * NUMBERS)), 422, "npy_unsupported"),
        ("words", npy_of("'<U8'", SHAPE, &doubles(0.0, 4 * NUMBERS)), 422, "npy_unsupported"),
        ("bytes", npy_of("'|S8'", SHAPE, &doubles(0.0, NUMBERS)), 422, "npy_unsupported"),
        ("whole numbers", npy_of("'<i8'", SHAPE, &doubles(0.0, NUMBERS)), 422, "npy_unsupported"),
        ("records", npy_of("[('a', '<f8')]", SHAPE, &doubles(0.5, NUMBERS)), 422, "npy_unsupported"),
        ("records of records", npy_of(&"[".repeat(25), SHAPE, &[]), 422, "npy_unsupported"),
        ("six bytes", whole[..6].to_vec(), 400, "npy_corrupt"),
        ("half a header", whole[..60].to_vec(), 400, "npy_corrupt"),
        ("cut in its numbers", whole[..900].to_vec(), 400, "npy_corrupt"),
        ("longer than it says", longer, 400, "npy_corrupt"),
        ("brackets without end", npy_of(&"(".repeat(9000), SHAPE, &[]), 400, "npy_corrupt"),
        ("an absurd shape", npy_of("'<f8'", "(4294967295, 4294967295, 4294967295)", &[]), 400, "npy_corrupt"),
        ("a negative shape", npy_of("'<f8'", "(-1, 22, 9)", &[]), 400, "npy_corrupt"),
        ("one frame alone", npy_of("'<f8'", "(22, 9)", &doubles(0.5, JOINTS * 9)), 400, "npy_wrong_shape"),
        ("another skeleton", npy_of("'<f8'", "(2, 24, 3)", &doubles(0.5, 144)), 400, "npy_wrong_shape"),
        ("NaN", npy_of("'<f8'", SHAPE, &doubles(f64::NAN, NUMBERS)), 400, "motion_not_finite"),
        ("infinity", npy_of("'<f8'", SHAPE, &doubles(f64::INFINITY, NUMBERS)), 400, "motion_not_finite"),
        ("beyond f32", npy_of("'<f8'", SHAPE, &doubles(1e300, NUMBERS)), 400, "motion_not_finite"),
        ("gzip, its mark alone", b"\x1f\x8b".to_vec(), 400, "bvh_gzip"),
        ("nobody in metres", npy_of("'<f8'", SHAPE, &doubles(0.5, NUMBERS)), 400, "not_a_motion"),
        ("BVH, the word alone", text(""), 400, "bvh_truncated"),
        ("BVH, then noise", text("\u{1}\u{2}\u{fffd}{}{}"), 400, "bvh_syntax"),
        ("BVH without numbers", motion("Frames: 2\nFrame Time: 0.1\n1 2"), 400, "bvh_truncated"),
        ("BVH with NaN", motion("Frames: 1\nFrame Time: 0.1\nNaN 2 3\n"), 400, "bvh_syntax"),
        ("BVH with too much", motion("Frames: 1\nFrame Time: 0.1\n1 2 3 4\n"), 400, "bvh_frames"),
        ("BVH of eternity", motion("Frames: 99999999999\nFrame Time: 0.1\n1 2 3\n"), 400, "bvh_too_large"),
        ("BVH of nobody", motion("Frames: 1\nFrame Time: 0.1\n1 2 3\n"), 400, "not_a_motion"),
    ]
}

#[tokio::test]
async fn damaged_files_are_the_callers_and_the_description_says_so() {
    let (house, good) = (House::new(), walker());
    for (what, file, status, code) in damaged() {
        for answer in [
            edit(&house, "react", &[&file]).await,
            edit(&house, "vary", &[&file, &good]).await,
            edit(&house, "vary", &[&good, &file]).await,
        ] {
            assert_eq!(answer.json()["code"], code, "{what}: {}", answer.json());
            answer.is_problem(status, code);
        }
    }
    assert_eq!(house.control.started.load(SeqCst), 0, "none of these reached a model");
    assert_eq!(edit(&house, "vary", &[&good, &good]).await.status, StatusCode::OK);
}

/// Whatever the byte that is changed and wherever a file is cut: an answer that the description has.
#[tokio::test]
async fn files_with_a_fault_anywhere_are_taken_or_refused() {
    let house = House::new();
    let bvh = bvh::write(&Animation::solve(&walk(16).positions).unwrap(), Unit::Metres).into_bytes();
    let npy = npy::write_person(&walk(16)).unwrap();
    let mut refused = 0;
    for whole in [npy, bvh] {
        for place in [0, 1, 5, 6, 8, 11, 20, 40, 61, 90, 127, 200, 1000, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[place] ^= 0x15;
            for file in [&changed[..], &whole[..place]] {
                let answer = edit(&house, "react", &[file]).await;
                if answer.status == StatusCode::OK {
                    continue;
                }
                refused += 1;
                let body = answer.json();
                assert!(answer.status.is_client_error(), "{place}: {body}");
                answer.is_problem(answer.status.as_u16(), body["code"].as_str().unwrap());
            }
        }
    }
    assert!(refused >= 27, "what is cut is no file any more, but for the last of a BVH");
}

/// A family of models that says nothing of edits.
struct Unable;

impl Generator for Unable {
    fn generate_shown(
        &mut self,
        _: &GenerateRequest,
        _: Progress<'_>,
        _: &mut dyn Onlooker,
    ) -> Result<Generated> {
        Err(Error::internal("model_failure", "nobody asks it for this"))
    }
}

/// One that looks at what it is to edit first, as those do that encode it.
struct Looking;

impl Generator for Looking {
    fn generate_shown(
        &mut self,
        request: &GenerateRequest,
        progress: Progress<'_>,
        onlooker: &mut dyn Onlooker,
    ) -> Result<Generated> {
        Unable.generate_shown(request, progress, onlooker)
    }

    fn edit(&mut self, request: &EditRequest, progress: Progress<'_>) -> Result<Generated> {
        Placement::canonicalise(&request.source.motion)?;
        Unable.edit(request, progress)
    }
}

fn house_of(model: fn() -> Box<dyn Generator>) -> House {
    let control = Arc::new(Control::default());
    let spec = ModelSpec { loader: Arc::new(move || Ok(model())), ..control.spec("mini") };
    let engine = Arc::new(Engine::start(vec![spec], None, LIMITS).unwrap());
    House { app: app(AppState::new(engine.clone(), policy()).unwrap()), engine, control }
}

#[tokio::test]
async fn what_only_a_model_finds_out_is_told_as_well() {
    let unable = house_of(|| Box::new(Unable));
    edit(&unable, "react", &[&walker()]).await.is_problem(422, "edit_not_supported");
    let looking = house_of(|| Box::new(Looking));
    edit(&looking, "react", &[&walker()]).await.is_problem(422, "edit_not_supported");
    let nowhere = npy::write_person(&without_hips()).unwrap();
    edit(&looking, "react", &[&nowhere]).await.is_problem(400, "motion_without_facing");
    edit(&looking, "vary", &[&walker(), &nowhere]).await.is_problem(400, "motion_without_facing");
}

/// Somebody whose hips are one point, so that no direction is forward.
fn without_hips() -> Person {
    let mut person = walk(40);
    person.positions.iter_mut().for_each(|pose| pose[2] = pose[1]);
    person
}
