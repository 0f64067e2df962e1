//! Safetensors in and out: one pass, sizes checked before anything is allocated, always f32 in memory.

use super::digest::{HashingReader, HashingWriter};
use super::expected::Expected;
use crate::error::{Error, ErrorKind, Result};
use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, Metadata, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};

/// Named f32 tensors on the CPU.
pub type Tensors = HashMap<String, Tensor>;

/// Longest header that is read. The largest real one here (CLIP with its image tower) has some 70 KB.
const MAX_HEADER: u64 = 16 << 20;

/// Names, types, shapes and places of the tensors of one file.
#[derive(Debug)]
pub struct Header {
    metadata: Metadata,
}

impl Header {
    /// Read from the start of a stream of `length` bytes in all; `label` names the file in messages.
    pub fn read(reader: &mut impl Read, length: u64, label: &str) -> Result<Self> {
        let mut size = [0u8; 8];
        reader.read_exact(&mut size).map_err(|e| cut_short(label, e))?;
        let size = u64::from_le_bytes(size);
        if size > MAX_HEADER || size.saturating_add(8) > length {
            return Err(corrupt(
                label,
                "its header claims an impossible size: this is not a safetensors file",
            ));
        }
        let mut header = vec![0u8; size as usize];
        reader.read_exact(&mut header).map_err(|e| cut_short(label, e))?;
        // Deserialising also checks that the tensors lie side by side and have the sizes that their shapes call for.
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|e| corrupt(label, "its header is damaged").with_source(e))?;
        let claimed = metadata.data_len() as u64;
        let found = length - 8 - size;
        if claimed > found {
            return Err(corrupt(label, &format!("it is cut short: {found} bytes of data of {claimed}")));
        }
        if claimed < found {
            return Err(corrupt(label, &format!("{} bytes follow its last tensor", found - claimed)));
        }
        Ok(Self { metadata })
    }

    /// Shapes by name.
    pub fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.metadata.tensors().into_iter().map(|(name, info)| (name, info.shape.clone())).collect()
    }

    /// Hold names, shapes and number types against what the dimensions call for.
    pub fn check(&self, expected: &Expected, label: &str) -> Result<()> {
        let tensors = self.metadata.tensors();
        check_shapes(
            tensors.iter().map(|(name, info)| (name.as_str(), info.shape.as_slice())),
            expected,
            label,
        )?;
        match tensors
            .iter()
            .find(|(_, info)| !(is_float(info.dtype) || (expected.bytes && info.dtype == Dtype::U8)))
        {
            Some((name, info)) => Err(corrupt(
                label,
                &format!("tensor {name} holds {:?} numbers; weights are F16, BF16, F32 or F64", info.dtype),
            )),
            None => Ok(()),
        }
    }
}

/// Hold found names and shapes against the expected ones: nothing missing, nothing unknown, nothing of another shape.
pub fn check_shapes<'a>(
    found: impl Iterator<Item = (&'a str, &'a [usize])>,
    expected: &Expected,
    label: &str,
) -> Result<()> {
    let mut missing: Vec<&str> = Vec::new();
    let found: BTreeMap<&str, &[usize]> = found.collect();
    for (name, shape) in &expected.required {
        match found.get(name.as_str()) {
            Some(found) if *found == shape.as_slice() => {}
            Some(found) => return Err(wrong_shape(label, name, shape, found)),
            None => missing.push(name),
        }
    }
    if !missing.is_empty() {
        return Err(corrupt(label, &format!("it lacks {}", list_names(&missing))));
    }
    for (name, shape) in &expected.optional {
        if let Some(found) = found.get(name.as_str())
            && *found != shape.as_slice()
        {
            return Err(wrong_shape(label, name, shape, found));
        }
    }
    let unknown: Vec<&str> = found
        .keys()
        .copied()
        .filter(|name| !expected.required.contains_key(*name) && !expected.optional.contains_key(*name))
        .collect();
    if !unknown.is_empty() {
        return Err(corrupt(
            label,
            &format!("it holds {} that this kind of model does not have", list_names(&unknown)),
        ));
    }
    Ok(())
}

fn wrong_shape(label: &str, name: &str, expected: &[usize], found: &[usize]) -> Error {
    corrupt(label, &format!("tensor {name} has shape {found:?}; the dimensions call for {expected:?}"))
}

/// "tensor a", "2 tensors: a, b", "40 tensors: a, b, … and 32 more".
pub fn list_names(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let mut text = match names.len() {
        1 => "tensor ".to_owned(),
        n => format!("{n} tensors: "),
    };
    text.push_str(&names[..names.len().min(SHOWN)].join(", "));
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    // Names come from files that strangers made.
    text.chars().filter(|c| !c.is_control()).take(1500).collect()
}

/// Read the tensors whose names pass `keep` as f32, in one pass, checking that all their numbers are finite.
/// Returns them with the SHA-256 of the whole file.
pub fn read(
    reader: impl Read,
    length: u64,
    label: &str,
    expected: Option<&Expected>,
    keep: impl Fn(&str) -> bool,
) -> Result<(Tensors, String)> {
    let mut reader = HashingReader::new(reader);
    let header = Header::read(&mut reader, length, label)?;
    if let Some(expected) = expected {
        header.check(expected, label)?;
    }
    let infos = header.metadata.tensors();
    let mut tensors = Tensors::new();
    for name in header.metadata.offset_keys() {
        let info = infos[&name];
        let bytes = info.data_offsets.1 - info.data_offsets.0;
        if !keep(&name) {
            let skipped = io::copy(&mut (&mut reader).take(bytes as u64), &mut io::sink())
                .map_err(|e| cut_short(label, e))?;
            if skipped != bytes as u64 {
                return Err(cut_short(label, io::ErrorKind::UnexpectedEof.into()));
            }
            continue;
        }
        let mut data = vec![0u8; bytes];
        reader.read_exact(&mut data).map_err(|e| cut_short(label, e))?;
        let values = to_f32(info.dtype, &data)
            .ok_or_else(|| corrupt(label, &format!("tensor {name} holds {:?} numbers", info.dtype)))?;
        drop(data);
        if values.iter().any(|v| !v.is_finite()) {
            return Err(corrupt(label, &format!("tensor {name} holds numbers that are not finite")));
        }
        tensors.insert(name, Tensor::from_vec(values, info.shape.as_slice(), &Device::Cpu)?);
    }
    Ok((tensors, reader.finish()))
}

fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
}

/// Little-endian numbers as f32; `None` for types that weights do not have.
pub fn to_f32(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    fn all<const N: usize>(data: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        data.as_chunks::<N>().0.iter().map(|bytes| convert(*bytes)).collect()
    }
    Some(match dtype {
        Dtype::F32 => all(data, f32::from_le_bytes),
        Dtype::F16 => all(data, |b| half::f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => all(data, |b| half::bf16::from_le_bytes(b).to_f32()),
        Dtype::F64 => all(data, |b| f64::from_le_bytes(b) as f32),
        Dtype::U8 => data.iter().map(|byte| f32::from(*byte)).collect(),
        _ => return None,
    })
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// f32.
    Full,
    /// f16: half the size, relative error up to 2^-11. Refused where a number does not fit (above 65504).
    Half,
    /// Tensor by tensor f16 where that changes no number, else f32. CLIP's published weights were rounded to f16 once,
    /// so that a copy of them halves without loss.
    Lossless,
    /// Tensor by tensor the smallest of u8, f16 and f32 that changes no number.
    Whole,
}

/// Write `tensors` as safetensors. Returns the SHA-256 and the number of bytes. The same tensors give the same bytes.
pub fn write(sink: impl Write, tensors: &Tensors, precision: Precision) -> Result<(String, u64)> {
    let mut stored: BTreeMap<&str, Stored> = BTreeMap::new();
    for (name, tensor) in tensors {
        let dims = tensor.dims().to_vec();
        let values = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?;
        let slice = values.to_vec1::<f32>()?;
        if let Some(value) = slice.iter().find(|v| !v.is_finite()) {
            return Err(Error::invalid(
                "weights_not_finite",
                format!("tensor {name} holds {value}; a package holds finite numbers only"),
            ));
        }
        let dtype = match precision {
            Precision::Full => Dtype::F32,
            Precision::Half => {
                if slice.iter().any(|v| half::f16::from_f32(*v).is_infinite()) {
                    return Err(Error::invalid(
                        "weights_too_large",
                        format!("tensor {name} holds numbers too large for half precision: store it in full"),
                    ));
                }
                Dtype::F16
            }
            Precision::Lossless => {
                let same = |v: &f32| half::f16::from_f32(*v).to_f32().to_bits() == v.to_bits();
                if slice.iter().all(same) { Dtype::F16 } else { Dtype::F32 }
            }
            Precision::Whole => {
                let half = |v: &f32| half::f16::from_f32(*v).to_f32().to_bits() == v.to_bits();
                let byte = |v: &f32| f32::from(*v as u8).to_bits() == v.to_bits();
                match () {
                    () if slice.iter().all(byte) => Dtype::U8,
                    () if slice.iter().all(half) => Dtype::F16,
                    () => Dtype::F32,
                }
            }
        };
        stored.insert(name, Stored { values, dims, dtype });
    }
    let mut sink = HashingWriter::new(io::BufWriter::with_capacity(1 << 20, sink));
    write_stored(&mut sink, &stored).map_err(|e| write_failed(&e).with_source(e))?;
    let (_, digest, bytes) = sink.finish();
    Ok((digest, bytes))
}

/// The safetensors layout by hand: the library's own writer wants a path, and the digest is made on the way.
fn write_stored(sink: &mut impl Write, stored: &BTreeMap<&str, Stored>) -> io::Result<()> {
    let mut order: Vec<(&&str, &Stored)> = stored.iter().collect();
    // Wider types first, as the format asks, so that every tensor is aligned.
    order.sort_by_key(|(name, tensor)| (std::cmp::Reverse(tensor.dtype.bitsize()), **name));
    let mut offset = 0;
    let mut header = serde_json::Map::new();
    for (name, tensor) in &order {
        let end = offset + tensor.data_len();
        let info = serde_json::json!({
            "dtype": tensor.dtype,
            "shape": tensor.dims,
            "data_offsets": [offset, end],
        });
        header.insert((**name).to_owned(), info);
        offset = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    sink.write_all(&(header.len() as u64).to_le_bytes())?;
    sink.write_all(&header)?;
    for (_, tensor) in order {
        sink.write_all(&tensor.data())?;
    }
    sink.flush()
}

fn write_failed(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull => Error::new(
            ErrorKind::Io,
            "disk_full",
            "cannot write weights: the disk is full; free some space and try again",
        ),
        _ => Error::new(ErrorKind::Io, "io", format!("cannot write weights: {error}")),
    }
}

struct Stored {
    values: Tensor,
    dims: Vec<usize>,
    dtype: Dtype,
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.values.to_vec1::<f32>().expect("flattened f32 on the CPU, made by `write`");
        Cow::Owned(match self.dtype {
            Dtype::U8 => values.iter().map(|v| *v as u8).collect(),
            Dtype::F16 => values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect(),
            _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        })
    }

    fn data_len(&self) -> usize {
        self.values.elem_count() * self.dtype.bitsize() / 8
    }
}

fn corrupt(label: &str, what: &str) -> Error {
    Error::corrupt("weights_damaged", format!("{label} cannot be used: {what}"))
}

fn cut_short(label: &str, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => corrupt(label, "it is cut short").with_source(source),
        _ => Error::new(ErrorKind::Io, "io", format!("cannot read {label}: {source}")).with_source(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tensors() -> Tensors {
        let t = |v: &[f32], s: &[usize]| Tensor::from_vec(v.to_vec(), s, &Device::Cpu).unwrap();
        Tensors::from([
            ("fine".to_owned(), t(&[0.5, -2.0, 0.0, 1.0], &[2, 2])),
            ("odd".to_owned(), t(&[0.1, 1e-30, -3.3], &[3])),
        ])
    }

    fn bytes(precision: Precision) -> Vec<u8> {
        let mut out = Vec::new();
        let (digest, length) = write(&mut out, &tensors(), precision).unwrap();
        assert_eq!(length, out.len() as u64);
        assert_eq!(digest, super::super::digest::sha256(&out[..]).unwrap());
        out
    }

    fn read_all(data: &[u8]) -> Result<Tensors> {
        Ok(read(data, data.len() as u64, "x.safetensors", None, |_| true)?.0)
    }

    fn values(tensors: &Tensors, name: &str) -> Vec<f32> {
        tensors[name].flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn what_was_written_is_read_back() {
        for precision in [Precision::Full, Precision::Lossless] {
            let data = bytes(precision);
            let back = read_all(&data).unwrap();
            assert_eq!(values(&back, "odd"), [0.1, 1e-30, -3.3]);
            assert_eq!(values(&back, "fine"), [0.5, -2.0, 0.0, 1.0]);
            assert_eq!(back["fine"].dims(), [2, 2]);
            // The format's own library reads it too, and agrees that everything is aligned.
            let theirs = safetensors::SafeTensors::deserialize(&data).unwrap();
            assert_eq!(theirs.len(), 2);
        }
        assert_eq!(bytes(Precision::Full).len() - bytes(Precision::Lossless).len(), 8, "`fine` shrinks");
        let rounded = values(&read_all(&bytes(Precision::Half)).unwrap(), "odd");
        assert!((rounded[0] - 0.1).abs() < 5e-5 && rounded[1] == 0.0);
    }

    #[test]
    fn numbers_that_are_not_finite_do_not_pass() {
        let nan = Tensors::from([("n".into(), Tensor::new(&[f32::NAN], &Device::Cpu).unwrap())]);
        assert_eq!(write(Vec::new(), &nan, Precision::Full).unwrap_err().code(), "weights_not_finite");
        let large = Tensors::from([("n".into(), Tensor::new(&[1e6f32], &Device::Cpu).unwrap())]);
        assert_eq!(write(Vec::new(), &large, Precision::Half).unwrap_err().code(), "weights_too_large");
        let mut data = bytes(Precision::Full);
        let end = data.len();
        data[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
        assert!(read_all(&data).unwrap_err().to_string().contains("not finite"));
    }

    #[test]
    fn truncated_padded_and_absurd_files_are_refused() {
        let data = bytes(Precision::Full);
        for cut in [0, 7, 8, 20, data.len() - 1] {
            let error = read_all(&data[..cut]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{cut}: {error}");
        }
        let mut longer = data.clone();
        longer.push(0);
        assert!(read_all(&longer).unwrap_err().to_string().contains("follow"));
        let mut absurd = data.clone();
        absurd[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(read_all(&absurd).unwrap_err().to_string().contains("impossible size"));
        // A shape that overflows, and one that promises more than there is.
        for shape in ["[18446744073709551615,2]", "[1000000,1000000]"] {
            let header = format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}}}"#);
            let mut lying = (header.len() as u64).to_le_bytes().to_vec();
            lying.extend(header.as_bytes());
            lying.extend([0; 4]);
            assert_eq!(read_all(&lying).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_file_is_held_against_the_expected_shapes() {
        let data = bytes(Precision::Full);
        let check = |required: &[(&str, &[usize])]| {
            let shapes = required.iter().map(|(n, s)| ((*n).to_owned(), s.to_vec())).collect();
            let expected = Expected { required: shapes, optional: Default::default(), bytes: false };
            read(&data[..], data.len() as u64, "x.safetensors", Some(&expected), |_| true).map(|_| ())
        };
        check(&[("fine", &[2, 2]), ("odd", &[3])]).unwrap();
        let text = check(&[("fine", &[4]), ("odd", &[3])]).unwrap_err().to_string();
        assert!(text.contains("fine") && text.contains("[2, 2]") && text.contains("[4]"), "{text}");
        let text = check(&[("fine", &[2, 2]), ("odd", &[3]), ("more", &[1])]).unwrap_err().to_string();
        assert!(text.contains("lacks tensor more"), "{text}");
        let text = check(&[("fine", &[2, 2])]).unwrap_err().to_string();
        assert!(text.contains("tensor odd"), "{text}");
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(at in 0usize..400, value: u8) {
            let mut data = bytes(Precision::Lossless);
            let at = at % data.len();
            data[at] = value;
            let _ = read_all(&data);
        }
    }

    #[test]
    fn whole_numbers_are_stored_as_bytes_where_they_may_be() {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let tensors = Tensors::from([
            ("bytes".to_owned(), tensor(&[0.0, 7.0, 255.0])),
            ("halves".to_owned(), tensor(&[256.0, -1.0, 0.5])),
            ("floats".to_owned(), tensor(&[0.1, 1e9, -0.0])),
        ]);
        let mut file = Vec::new();
        let (_, bytes) = write(&mut file, &tensors, Precision::Whole).unwrap();
        assert_eq!(bytes, file.len() as u64);
        let expected = |bytes| Expected {
            required: tensors.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect(),
            optional: Default::default(),
            bytes,
        };
        let (read, _) = super::read(&file[..], bytes, "a file", Some(&expected(true)), |_| true).unwrap();
        for (name, tensor) in &tensors {
            assert_eq!(read[name].to_vec1::<f32>().unwrap(), tensor.to_vec1::<f32>().unwrap(), "{name}");
        }
        let header = String::from_utf8_lossy(&file).into_owned();
        assert!(
            ["U8", "F16", "F32"].iter().all(|kind| header.contains(&format!("\"dtype\":\"{kind}\""))),
            "{header}"
        );
        let refused = super::read(&file[..], bytes, "a file", Some(&expected(false)), |_| true).unwrap_err();
        assert!(refused.to_string().contains("U8 numbers"), "{refused}");
    }
}
