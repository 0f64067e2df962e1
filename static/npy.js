// NumPy's npy format, as far as motions need it: little-endian float arrays in C order.

/** Longest header that is read, bytes, as by the server: words that are looked for in a longer one may take minutes. */
const MOST_HEADER = 10_000;

/** The array in the bytes of a file: {shape, values}. Throws a string's worth of words for a person. */
export function readNpy(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (bytes.length < 12 || bytes[0] !== 0x93 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") {
    throw new Error("it is not an npy file");
  }
  const [start, length] = bytes[6] >= 2 ? [12, view.getUint32(8, true)] : [10, view.getUint16(8, true)];
  if (length > MOST_HEADER) throw new Error("its header is too long");
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const kind = /'descr':\s*'([<|=]?)(f[48])'/.exec(header)?.[2];
  const axes = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1].split(",").map((n) => n.trim()).filter(Boolean);
  if (!kind || !axes?.every((n) => /^\d+$/.test(n)) || /'fortran_order':\s*True/.test(header)) throw new Error("it holds no plain array of numbers");
  const shape = axes.map(Number);
  const size = Number(kind[1]);
  const count = shape.reduce((product, n) => product * n, 1);
  const at = start + length;
  if (!Number.isSafeInteger(count) || bytes.length < at + count * size) throw new Error("it was cut short");
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    values[i] = size === 4 ? view.getFloat32(at + i * 4, true) : view.getFloat64(at + i * 8, true);
  }
  return { shape, values };
}
