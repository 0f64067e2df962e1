//! Weights in torch.save files: a zip of stored entries, one pickle that names the tensors, one entry a storage.
//! Read as data; nothing in them is executed, and every size is checked before memory is taken for it.

use super::pickle::{MAX_PICKLE_BYTES, Node, Pickle};
use crate::error::{Error, Result};
use crate::package::weights::{Tensors, to_f32};
use candle_core::{Device, Tensor};
use safetensors::Dtype;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;
use zip::result::ZipError;

/// Largest checkpoint that is read, bytes. The official ones, with optimiser state, have about 0.7 GB.
const MAX_FILE: u64 = 8 << 30;
/// Most entries in the archive. The official ones have under 1000.
const MAX_ENTRIES: usize = 20_000;
/// How often the whole file may be read, once for every tensor of a storage. Layers that share one have some dozen tensors.
const MAX_READS: u64 = 64;

/// The tensors under the first of `roots` that the file has, as f32, those whose names pass `keep`.
pub fn read(path: &Path, roots: &[&str], keep: impl Fn(&str) -> bool) -> Result<Tensors> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let length = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
    if length > MAX_FILE {
        return Err(damaged(format!("{} has {length} bytes; at most {MAX_FILE} are read", path.display())));
    }
    let within = |e: Error| {
        Error::new(e.kind(), e.code(), format!("{} cannot be imported: {e}", path.display())).with_source(e)
    };
    let mut archive = Archive::open(file).map_err(within)?;
    let pickle = archive.pickle().map_err(within)?;
    let entries = entries(&pickle, roots).map_err(within)?;
    // Storages may be shared, but not so often that a small file fills the memory.
    let total = entries.iter().try_fold(0u64, |sum, entry| sum.checked_add(entry.bytes()));
    if total.is_none_or(|total| total > length.saturating_mul(2)) {
        return Err(within(damaged("its tensors claim more numbers than the file has".into())));
    }
    // Nor so often that reading one of them again and again, which each tensor does, never ends.
    let reading = entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.storage_bytes()));
    if reading > length.saturating_mul(MAX_READS) {
        return Err(within(damaged("too many of its tensors share a storage".into())));
    }
    let mut tensors = Tensors::new();
    for entry in entries {
        if keep(&entry.name) {
            let tensor = archive.tensor(&entry).map_err(within)?;
            tensors.insert(entry.name, tensor);
        }
    }
    Ok(tensors)
}

struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// Name of the folder that everything lies in, as the file was called when it was saved.
    root: String,
}

impl Archive {
    fn open(file: File) -> Result<Self> {
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|e| match e {
            ZipError::Io(e) => Error::new(crate::ErrorKind::Io, "io", format!("it cannot be read: {e}")).with_source(e),
            e => damaged(
                "it is not a torch.save zip file, or it is cut short (files saved by PyTorch before 1.6 must be saved again)"
                    .into(),
            )
            .with_source(e),
        })?;
        if zip.len() > MAX_ENTRIES {
            return Err(damaged(format!("it has {} entries; at most {MAX_ENTRIES} are read", zip.len())));
        }
        let root = zip
            .file_names()
            .filter_map(|name| name.ok()?.strip_suffix("/data.pkl").map(str::to_owned))
            .next()
            .ok_or_else(|| {
                damaged("it is a zip file, but not one that torch.save wrote: it has no data.pkl".into())
            })?;
        let mut archive = Self { zip, root };
        if archive.zip.index_for_name(&format!("{}/byteorder", archive.root)).is_some()
            && archive.bytes("byteorder", 16)? != b"little"
        {
            return Err(damaged("it was saved on a big-endian machine, which is not supported".into()));
        }
        Ok(archive)
    }

    /// The whole of one entry, which must be stored uncompressed and have at most `most` bytes.
    fn bytes(&mut self, name: &str, most: u64) -> Result<Vec<u8>> {
        let name = format!("{}/{name}", self.root);
        let entry = self
            .zip
            .by_name(&name)
            .map_err(|e| damaged(format!("its entry {name:?} is missing or unreadable")).with_source(e))?;
        if entry.compression() != zip::CompressionMethod::Stored || entry.compressed_size() != entry.size() {
            return Err(damaged(format!("its entry {name:?} is compressed, which torch.save does not do")));
        }
        if entry.size() > most {
            return Err(damaged(format!(
                "its entry {name:?} has {} bytes; at most {most} are read",
                entry.size()
            )));
        }
        let size = entry.size();
        let mut data = Vec::new();
        // The claimed size is not believed: memory grows with what is really there. One byte more than that is asked for,
        // because the archive's checksum is held against the data only at its end.
        entry
            .take(size + 1)
            .read_to_end(&mut data)
            .map_err(|e| damaged(format!("its entry {name:?} is damaged")).with_source(e))?;
        if data.len() as u64 != size {
            return Err(damaged(format!("its entry {name:?} is cut short")));
        }
        Ok(data)
    }

    fn pickle(&mut self) -> Result<Pickle> {
        Pickle::parse(&self.bytes("data.pkl", MAX_PICKLE_BYTES)?)
    }

    fn tensor(&mut self, entry: &Entry) -> Result<Tensor> {
        let name = &entry.name;
        let width = entry.width();
        let data = self.bytes(&format!("data/{}", entry.storage), entry.storage_bytes())?;
        // `offset + count <= storage_numbers` was checked when the entry was made.
        let start = (entry.offset * width) as usize;
        let end = ((entry.offset + entry.count) * width) as usize;
        let data = data
            .get(start..end)
            .ok_or_else(|| damaged(format!("the storage of tensor {name} is too short")))?;
        let values = to_f32(entry.dtype, data)
            .ok_or_else(|| damaged(format!("tensor {name} holds {:?} numbers", entry.dtype)))?;
        if values.iter().any(|v| !v.is_finite()) {
            return Err(damaged(format!("tensor {name} holds numbers that are not finite")));
        }
        Ok(Tensor::from_vec(values, entry.shape.as_slice(), &Device::Cpu)?)
    }
}

/// One tensor as the pickle describes it; offset and counts in numbers, not bytes.
struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    storage: String,
    storage_numbers: u64,
    offset: u64,
    count: u64,
}

impl Entry {
    fn width(&self) -> u64 {
        (self.dtype.bitsize() / 8) as u64
    }

    fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.width())
    }

    fn storage_bytes(&self) -> u64 {
        self.storage_numbers.saturating_mul(self.width())
    }
}

/// The tensors of the first root that is there. Values that are not floating-point tensors (counters of a batch norm, say)
/// are passed over: a checkpoint that lacks weights is told by what it lacks.
fn entries(pickle: &Pickle, roots: &[&str]) -> Result<Vec<Entry>> {
    let dict = roots.iter().find_map(|root| match pickle.entry(pickle.root(), root) {
        Some(Node::Dict(pairs)) => Some(pairs),
        _ => None,
    });
    let Some(pairs) = dict else {
        return Err(damaged(format!("it has none of the entries {}", roots.join(", "))));
    };
    let mut entries = Vec::new();
    for (key, value) in pairs {
        let Node::Text(name) = pickle.node(*key) else { continue };
        if let Some(entry) = tensor_entry(pickle, name, pickle.node(*value))? {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn tensor_entry(pickle: &Pickle, name: &str, value: &Node) -> Result<Option<Entry>> {
    let Node::Call(callable, arguments) = value else { return Ok(None) };
    let Node::Tuple(arguments) = pickle.node(*arguments) else { return Ok(None) };
    let odd = || damaged(format!("tensor {} is described in an unknown way", name.escape_debug()));
    match pickle.node(*callable) {
        Node::Global(module, function) if module == "torch._utils" => match function.as_str() {
            "_rebuild_tensor_v2" => {}
            // A parameter wraps its tensor; it cannot wrap another parameter, so this does not recurse further.
            "_rebuild_parameter" => {
                let inner = pickle.node(*arguments.first().ok_or_else(odd)?);
                let wrapped = matches!(inner, Node::Call(callable, _)
                    if matches!(pickle.node(*callable), Node::Global(_, f) if f == "_rebuild_tensor_v2"));
                return if wrapped { tensor_entry(pickle, name, inner) } else { Err(odd()) };
            }
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }
    // storage, offset, size, stride, requires_grad, hooks
    let [storage, offset, size, stride, ..] = arguments[..] else { return Err(odd()) };
    let Node::Persistent(storage) = pickle.node(storage) else { return Err(odd()) };
    let Node::Tuple(storage) = pickle.node(*storage) else { return Err(odd()) };
    // "storage", class, key, device, numbers
    let [_, class, key, _, numbers, ..] = storage[..] else { return Err(odd()) };
    let Node::Global(_, class) = pickle.node(class) else { return Err(odd()) };
    let dtype = match class.as_str() {
        "FloatStorage" => Dtype::F32,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "DoubleStorage" => Dtype::F64,
        _ => return Ok(None),
    };
    let Node::Text(key) = pickle.node(key) else { return Err(odd()) };
    // The key becomes part of an entry's name inside the archive.
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(odd());
    }
    let number = |node: &Node| match node {
        Node::Int(value) => u64::try_from(*value).ok(),
        _ => None,
    };
    let numbers_of = |node: &Node| match node {
        Node::Tuple(items) => items.iter().map(|id| number(pickle.node(*id))).collect::<Option<Vec<u64>>>(),
        _ => None,
    };
    let offset = number(pickle.node(offset)).ok_or_else(odd)?;
    let storage_numbers = number(pickle.node(numbers)).ok_or_else(odd)?;
    let shape = numbers_of(pickle.node(size)).ok_or_else(odd)?;
    let stride = numbers_of(pickle.node(stride)).ok_or_else(odd)?;
    let count = shape.iter().try_fold(1u64, |product, n| product.checked_mul(*n)).ok_or_else(odd)?;
    if shape.len() != stride.len() || shape.len() > 8 {
        return Err(odd());
    }
    if offset.checked_add(count).is_none_or(|end| end > storage_numbers) {
        return Err(damaged(format!("tensor {} reaches beyond its storage", name.escape_debug())));
    }
    let mut dense = 1u64;
    for (n, step) in shape.iter().zip(&stride).rev() {
        if *n > 1 && *step != dense {
            return Err(damaged(format!(
                "tensor {} is stored transposed or with gaps, which is not supported: save it contiguous",
                name.escape_debug()
            )));
        }
        dense = dense.saturating_mul(*n);
    }
    let shape =
        shape.iter().map(|n| usize::try_from(*n).map_err(|_| odd())).collect::<Result<Vec<usize>>>()?;
    Ok(Some(Entry {
        name: name.to_owned(),
        dtype,
        shape,
        storage: key.clone(),
        storage_numbers,
        offset,
        count,
    }))
}

fn damaged(message: String) -> Error {
    Error::corrupt("checkpoint", message)
}
