//! The numbers of a glTF file: one buffer, with a view and an accessor for each array in it.

use serde_json::{Value, json};

/// Component types of the specification.
const U8: u32 = 5121;
const U16: u32 = 5123;
const F32: u32 = 5126;

/// What a view is for. The specification wants it said for the numbers of meshes, and not for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Vertices,
    Indices,
    Other,
}

impl Target {
    fn code(self) -> Option<u32> {
        match self {
            Self::Vertices => Some(34962),
            Self::Indices => Some(34963),
            Self::Other => None,
        }
    }
}

/// Arrays one after the other, each starting at a multiple of four bytes.
#[derive(Default)]
pub(super) struct Buffer {
    pub bytes: Vec<u8>,
    pub views: Vec<Value>,
    pub accessors: Vec<Value>,
}

impl Buffer {
    /// Vectors of `N` floats (`SCALAR` where N is 1, `MAT4` where it is 16), with their bounds; the accessor's index.
    pub fn floats<const N: usize>(&mut self, items: &[[f32; N]], target: Target) -> usize {
        let mut low = [f32::INFINITY; N];
        let mut high = [f32::NEG_INFINITY; N];
        for item in items {
            for (k, &x) in item.iter().enumerate() {
                (low[k], high[k]) = (low[k].min(x), high[k].max(x));
            }
        }
        // In f64 their decimal digits are exact, so that readers of either precision find the bounds kept.
        let exact = |bound: [f32; N]| bound.map(f64::from).to_vec();
        let kind = match N {
            1 => "SCALAR",
            2 => "VEC2",
            3 => "VEC3",
            4 => "VEC4",
            _ => "MAT4",
        };
        let bytes = items.iter().flatten().flat_map(|x| x.to_le_bytes());
        let accessor = json!({"componentType": F32, "count": items.len(), "type": kind,
                              "min": exact(low), "max": exact(high)});
        self.array(bytes, target, accessor)
    }

    /// Four bytes a vertex; `normalized` reads 255 as 1.
    pub fn bytes4(&mut self, items: &[[u8; 4]], normalized: bool) -> usize {
        let mut accessor = json!({"componentType": U8, "count": items.len(), "type": "VEC4"});
        if normalized {
            accessor["normalized"] = true.into();
        }
        self.array(items.iter().flatten().copied(), Target::Vertices, accessor)
    }

    /// Corners of triangles.
    pub fn indices(&mut self, items: &[u16]) -> usize {
        let accessor = json!({"componentType": U16, "count": items.len(), "type": "SCALAR"});
        self.array(items.iter().flat_map(|i| i.to_le_bytes()), Target::Indices, accessor)
    }

    fn array(&mut self, bytes: impl Iterator<Item = u8>, target: Target, mut accessor: Value) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        let mut view = json!({"buffer": 0, "byteOffset": start, "byteLength": self.bytes.len() - start});
        if let Some(code) = target.code() {
            view["target"] = code.into();
        }
        accessor["bufferView"] = self.views.len().into();
        self.views.push(view);
        self.accessors.push(accessor);
        self.accessors.len() - 1
    }
}
