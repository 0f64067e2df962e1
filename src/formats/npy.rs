//! NumPy's npy files: keypoints of a person as upstream writes them, and plain arrays of f32 or f64.
//!
//! Files are read as data only: object arrays (which hold a pickle) are refused, sizes are checked against the bytes
//! that are there before anything is allocated.

use crate::error::{Error, ErrorKind, Result};
use crate::motion::export::{KEYPOINT_WIDTH, from_keypoints, keypoints};
use crate::motion::{JOINTS, Person};
use npyz::WriterBuilder;
use std::path::Path;

/// Largest file that is read, bytes: a little over an hour of two hundred numbers a frame in f64.
pub const MAX_BYTES: u64 = 256 << 20;
/// Longest header that is read, bytes; NumPy's own limit for trusted reading is 10,000.
const MAX_HEADER: usize = 10_000;
/// Most brackets in a header. An array of numbers has two, records of numbers a few more; the parser tries what stands in brackets
/// in several ways, so that each level of nesting multiplies its time.
const MAX_BRACKETS: usize = 6;
/// Most numbers an array may claim.
const MAX_NUMBERS: u64 = MAX_BYTES / 4;

/// An array of numbers in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    /// Lengths of the axes; empty for a scalar.
    pub shape: Vec<usize>,
    /// The numbers, last axis fastest.
    pub data: Vec<T>,
}

/// The file name upstream gives to a person of a sample: `base_0.npy`, `base_1.npy`, with `ik_` in front where the feet are
/// fixed. `person` counts from 0.
pub fn file_name(base: &str, person: usize, foot_fixed: bool) -> String {
    format!("{}{base}_{person}.npy", if foot_fixed { "ik_" } else { "" })
}

/// A person as a (frames, 22, 9) float64 npy file (see [`keypoints`]).
pub fn write_person(person: &Person) -> Result<Vec<u8>> {
    let shape = [person.frames() as u64, JOINTS as u64, KEYPOINT_WIDTH as u64];
    write(&shape, keypoints(person))
}

/// Read what [`write_person`] wrote; float32 is accepted too.
///
/// # Errors
/// `npy_corrupt`, `npy_unsupported`, `npy_too_large` as [`read_f64`]; `npy_wrong_shape` unless (frames, 22, 9);
/// `motion_not_finite`.
pub fn read_person(bytes: &[u8]) -> Result<Person> {
    let array = read_f64(bytes)?;
    if array.shape.len() != 3 || array.shape[1..] != [JOINTS, KEYPOINT_WIDTH] || array.shape[0] == 0 {
        return Err(wrong_shape(&array.shape, "(frames, 22, 9)"));
    }
    let person = from_keypoints(&array.data)?;
    if !person.is_finite() {
        return Err(Error::invalid("motion_not_finite", "the keypoints hold a number that is not finite"));
    }
    Ok(person)
}

/// An f32 array as an npy file, C order.
///
/// # Errors
/// `npy_wrong_shape` where `shape` and `data` do not fit.
pub fn write_f32(shape: &[usize], data: &[f32]) -> Result<Vec<u8>> {
    if shape.iter().product::<usize>() != data.len() {
        return Err(wrong_shape(shape, &format!("an array of {} numbers", data.len())));
    }
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    write(&shape, data.iter().copied())
}

pub(super) fn write<T: npyz::AutoSerialize>(
    shape: &[u64],
    data: impl IntoIterator<Item = T>,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let written = (|| {
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd()?;
        writer.extend(data)?;
        writer.finish()
    })();
    written.map_err(|e| {
        Error::internal("npy_write", "an array could not be written in NumPy's format").with_source(e)
    })?;
    Ok(bytes)
}

/// Read an npy file of float32 or float64 numbers, any shape and order of axes.
///
/// # Errors
/// `npy_corrupt` where the file is not npy, is cut short, or holds more or less than its header says; `npy_unsupported` for
/// object arrays and other types; `npy_too_large` beyond [`MAX_BYTES`].
pub fn read_f64(bytes: &[u8]) -> Result<Array<f64>> {
    let (header, body) = open(bytes)?;
    match number_size(&header)? {
        4 => numbers::<f32>(&header, body)
            .map(|a| Array { shape: a.shape, data: a.data.into_iter().map(f64::from).collect() }),
        _ => numbers::<f64>(&header, body),
    }
}

/// As [`read_f64`], with float64 rounded to f32.
///
/// # Errors
/// As [`read_f64`].
pub fn read_f32(bytes: &[u8]) -> Result<Array<f32>> {
    let (header, body) = open(bytes)?;
    match number_size(&header)? {
        4 => numbers::<f32>(&header, body),
        _ => numbers::<f64>(&header, body)
            .map(|a| Array { shape: a.shape, data: a.data.into_iter().map(|x| x as f32).collect() }),
    }
}

/// A statistics array: `length` numbers on one axis.
///
/// # Errors
/// As [`read_f64`], and `npy_wrong_shape`.
pub fn read_vector(bytes: &[u8], length: usize) -> Result<Vec<f32>> {
    let array = read_f32(bytes)?;
    if array.shape == [length] {
        Ok(array.data)
    } else {
        Err(wrong_shape(&array.shape, &format!("({length},)")))
    }
}

/// The bytes of a file of at most [`MAX_BYTES`].
///
/// # Errors
/// `file_not_found`, `permission_denied`, `io`; `npy_too_large`.
pub fn load(path: &Path) -> Result<Vec<u8>> {
    super::load(path, MAX_BYTES)?.ok_or_else(too_large)
}

fn too_large() -> Error {
    let limit = MAX_BYTES >> 20;
    let message = format!("the npy file is larger than {limit} MB; split it into shorter clips");
    Error::invalid("npy_too_large", message)
}

fn corrupt(what: impl Into<String>) -> Error {
    Error::corrupt("npy_corrupt", format!("the npy file {}; write or fetch it again", what.into()))
}

fn wrong_shape(shape: &[usize], expected: &str) -> Error {
    Error::invalid("npy_wrong_shape", format!("the array has shape {shape:?}, expected {expected}"))
}

/// Header and body, both within bounds.
fn open(bytes: &[u8]) -> Result<(npyz::NpyHeader, &[u8])> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    let text = header_text(bytes)?;
    check_header_text(text)?;
    let mut body = bytes;
    let header = npyz::NpyHeader::from_reader(&mut body)
        .map_err(|e| corrupt("has a header that cannot be understood").with_source(e))?;
    if header.uses_pickled_array() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "npy_unsupported",
            "the npy file holds Python objects, which are never loaded; save it as float32 or float64",
        ));
    }
    let claimed = header.len() * number_size(&header)? as u64;
    if body.len() as u64 != claimed {
        return Err(corrupt(format!("promises {claimed} bytes of numbers and holds {}", body.len())));
    }
    Ok((header, body))
}

/// The header's text, found by the lengths in front of it.
fn header_text(bytes: &[u8]) -> Result<&[u8]> {
    let not_npy = || corrupt("does not start as one");
    if bytes.get(..6) != Some(b"\x93NUMPY".as_slice()) {
        return Err(not_npy());
    }
    let (length, start) = match (bytes.get(6), bytes.get(8..12)) {
        (Some(1), Some(l)) => (u32::from(u16::from_le_bytes([l[0], l[1]])), 10),
        (Some(2 | 3), Some(l)) => (u32::from_le_bytes([l[0], l[1], l[2], l[3]]), 12),
        (_, None) => return Err(corrupt("is cut off in its header")),
        _ => return Err(not_npy()),
    };
    let length = length as usize;
    if length > MAX_HEADER {
        return Err(corrupt("claims a header longer than any real one"));
    }
    bytes.get(start..start + length).ok_or_else(|| corrupt("is cut off in its header"))
}

/// Refuse what would make a parser recurse deeply or a product of lengths overflow, before parsing.
fn check_header_text(text: &[u8]) -> Result<()> {
    let brackets = text.iter().filter(|b| b"([{".contains(b)).count();
    // Numbers in a header: the item size and the lengths. A zero length still multiplies the strides of the others.
    let product =
        text.split(|b| !b.is_ascii_digit()).filter(|run| !run.is_empty()).try_fold(1u64, |product, run| {
            let number: u64 = std::str::from_utf8(run).ok()?.parse().ok()?;
            product.checked_mul(number.max(1)).filter(|&p| p <= 16 * MAX_NUMBERS)
        });
    if brackets > 64 || product.is_none() {
        return Err(corrupt("claims a shape that no real file has"));
    }
    if brackets > MAX_BRACKETS {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "npy_unsupported",
            "the npy file holds records of many parts, expected float32 or float64",
        ));
    }
    Ok(())
}

/// 4 for float32, 8 for float64.
fn number_size(header: &npyz::NpyHeader) -> Result<usize> {
    let dtype = header.dtype();
    if let npyz::DType::Plain(ty) = &dtype
        && ty.type_char() == npyz::TypeChar::Float
        && let Some(size @ (4 | 8)) = dtype.num_bytes()
    {
        return Ok(size);
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        "npy_unsupported",
        format!("the npy file holds {}, expected float32 or float64", dtype.descr()),
    ))
}

/// All numbers, in C order.
fn numbers<T: npyz::Deserialize + Copy>(header: &npyz::NpyHeader, body: &[u8]) -> Result<Array<T>> {
    let data: Vec<T> = npyz::NpyFile::with_header(header.clone(), body)
        .into_vec()
        .map_err(|e| corrupt("cannot be read to its end").with_source(e))?;
    let shape: Vec<usize> = header.shape().iter().map(|&n| n as usize).collect();
    if header.order() == npyz::Order::C || shape.len() < 2 {
        return Ok(Array { shape, data });
    }
    // Fortran order: walk the axes with the last one fastest and look the number up by its strides.
    let mut at = vec![0usize; shape.len()];
    let ordered = (0..data.len())
        .map(|_| {
            let from: u64 = at.iter().zip(header.strides()).map(|(&i, &s)| i as u64 * s).sum();
            for (i, &n) in at.iter_mut().zip(&shape).rev() {
                *i += 1;
                if *i < n {
                    break;
                }
                *i = 0;
            }
            data[from as usize]
        })
        .collect();
    Ok(Array { shape, data: ordered })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn person(frames: usize, numbers: &mut impl Iterator<Item = f32>) -> Person {
        let mut next = || numbers.next().unwrap_or(0.5);
        Person {
            positions: (0..frames)
                .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| next())))
                .collect(),
            rotations: (0..frames)
                .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| next())))
                .collect(),
        }
    }

    /// An npy file with this header text and body, version 1.
    fn file(header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(body);
        bytes
    }

    fn header(descr: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")
    }

    fn code(bytes: &[u8]) -> &'static str {
        read_f64(bytes).unwrap_err().code()
    }

    proptest! {
        #[test]
        fn a_person_survives_bit_for_bit(frames in 1usize..5, numbers in prop::collection::vec(-5.0f32..5.0, 960)) {
            let person = person(frames, &mut numbers.into_iter());
            let bytes = write_person(&person).unwrap();
            prop_assert_eq!(read_person(&bytes).unwrap(), person);
        }

        #[test]
        fn every_truncation_is_refused(cut in 0usize..3000) {
            let bytes = write_person(&person(2, &mut std::iter::empty())).unwrap();
            prop_assume!(cut < bytes.len());
            prop_assert_eq!(read_person(&bytes[..cut]).unwrap_err().code(), "npy_corrupt");
        }

        #[test]
        fn no_bytes_make_it_panic(
            junk in prop::collection::vec(any::<u8>(), 0..200), header in "[-(\\[{'<f48,: a-z0-9)\\]}]{0,80}",
        ) {
            let _ = read_f64(&junk);
            let _ = read_f64(&file(&header, &junk));
        }
    }

    #[test]
    fn the_header_is_numpys_own() {
        let bytes = write_person(&person(3, &mut std::iter::empty())).unwrap();
        let text = String::from_utf8_lossy(&bytes[10..128]).into_owned();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        for part in ["'descr': '<f8'", "'fortran_order': False", "(3, 22, 9"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!((bytes.len() - 3 * 22 * 9 * 8) % 64, 0, "numbers start aligned");
    }

    #[test]
    fn lying_and_dangerous_headers_are_refused() {
        let plain = |shape: &str| header("'<f4'", "False", shape);
        assert_eq!(code(b"PK\x03\x04"), "npy_corrupt");
        assert_eq!(code(&file(&plain("(3,)"), &[0; 8])), "npy_corrupt");
        assert_eq!(code(&file(&plain("(1,)"), &[0; 8])), "npy_corrupt");
        assert_eq!(code(&file(&plain("(4294967295, 4294967295, 4294967295)"), &[])), "npy_corrupt");
        assert_eq!(code(&file(&plain("(0, 18446744073709551615, 99)"), &[])), "npy_corrupt");
        assert_eq!(code(&file(&plain("(-1,)"), &[])), "npy_corrupt");
        assert_eq!(code(&file(&"(".repeat(9_000), &[])), "npy_corrupt");
        assert_eq!(
            code(&file(&header("'|O'", "False", "(1,)"), b"\x80\x04cos\nsystem\n.")),
            "npy_unsupported"
        );
        assert_eq!(code(&file(&header("'<i8'", "False", "(1,)"), &[0; 8])), "npy_unsupported");
        assert_eq!(code(&file(&header("[('a', '<f4')]", "False", "(1,)"), &[0; 4])), "npy_unsupported");
        // Found by fuzzing: 25 of them kept the parser busy for longer than anybody waits.
        for brackets in ["[", "(", "{"] {
            let nested = plain(&format!("(1, 22.,{} 9)", brackets.repeat(25)));
            assert_eq!(code(&file(&nested, &[])), "npy_unsupported");
            let nested = plain(&format!("(1, 22.,{} 9)", brackets.repeat(MAX_BRACKETS - 2)));
            assert_eq!(code(&file(&nested, &[])), "npy_corrupt");
        }
        let mut long = b"\x93NUMPY\x02\x00".to_vec();
        long.extend(u32::MAX.to_le_bytes());
        assert_eq!(code(&long), "npy_corrupt");
    }

    #[test]
    fn types_orders_and_shapes() {
        let f32s: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let c = read_f32(&file(&header("'<f4'", "False", "(2, 3)"), &f32s)).unwrap();
        assert_eq!((c.shape, c.data), (vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        let fortran = read_f64(&file(&header("'<f4'", "True", "(2, 3)"), &f32s)).unwrap();
        assert_eq!(fortran.data, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        let big: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect();
        assert_eq!(read_f32(&file(&header("'>f8'", "False", "(2,)"), &big)).unwrap().data, [1.5, -2.0]);
        assert_eq!(read_vector(&write_f32(&[3], &[1.0, 2.0, 3.0]).unwrap(), 3).unwrap(), [1.0, 2.0, 3.0]);
        let wrong = write_f32(&[3, 1], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(read_vector(&wrong, 3).unwrap_err().code(), "npy_wrong_shape");
        assert_eq!(read_person(&wrong).unwrap_err().code(), "npy_wrong_shape");
        assert_eq!(write_f32(&[2], &[1.0]).unwrap_err().code(), "npy_wrong_shape");
        let mut broken = person(1, &mut std::iter::empty());
        broken.positions[0][3][1] = f32::NAN;
        assert_eq!(read_person(&write_person(&broken).unwrap()).unwrap_err().code(), "motion_not_finite");
    }

    #[test]
    fn upstreams_file_names() {
        let base = "infer_best_fid_ts20_cs2_topkr0.9_00_00";
        assert_eq!(file_name(base, 0, false), format!("{base}_0.npy"));
        assert_eq!(file_name(base, 1, true), format!("ik_{base}_1.npy"));
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(load(Path::new("no/such/file.npy")).unwrap_err().code(), "file_not_found");
    }
}
