// Arrays in NumPy's format.

const { readNpy } = await import(at("npy.js"));

/** The file of an array, as NumPy and the server write it. */
function npyFile({ shape, values, size = 8, version = 1, header }) {
  const axes = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  let text = header ?? `{'descr': '<f${size}', 'fortran_order': False, 'shape': ${axes}, }`;
  const start = version === 1 ? 10 : 12;
  text = `${text.padEnd(Math.ceil((start + text.length + 1) / 64) * 64 - start - 1)}\n`;
  const bytes = new Uint8Array(start + text.length + values.length * size);
  const view = new DataView(bytes.buffer);
  bytes.set([0x93, ...[..."NUMPY"].map((c) => c.charCodeAt(0)), version, 0]);
  if (version === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  bytes.set([...text].map((c) => c.charCodeAt(0)), start);
  values.forEach((value, i) => {
    if (size === 4) view.setFloat32(start + text.length + i * 4, value, true);
    else view.setFloat64(start + text.length + i * 8, value, true);
  });
  return bytes;
}

function someArray(random) {
  const shape = random.pick([[], [0], [random.below(9)], [1 + random.below(3), 22, 3], [1 + random.below(2), 22, 9], [2, 66]]);
  const size = random.pick([4, 8]);
  const count = shape.reduce((product, n) => product * n, 1);
  const values = Array.from({ length: count }, () => (size === 4 ? Math.fround : Number)(random.within(10 ** random.below(9))));
  return { shape, values, size, version: random.pick([1, 2, 3]) };
}

async function holdNpy(bytes) {
  const array = await read(bytes.length, isPlainWords, () => readNpy(bytes.buffer));
  if (array === null) return;
  hold(array.shape.every((n) => Number.isSafeInteger(n) && n >= 0), `axes of ${array.shape}`);
  hold(array.values.length === array.shape.reduce((product, n) => product * n, 1), "as many values as its shape says");
  hold(array.values.length * 4 <= bytes.length, "no more values than bytes");
}

const PROPERTIES = {
  "npy: an array comes back": async (random) => {
    const array = someArray(random);
    const { shape, values } = readNpy(npyFile(array).buffer);
    hold(same(shape, array.shape) && same([...values], array.values), JSON.stringify(array));
  },
  "npy: damaged bytes": (random) => holdNpy(damagedBytes(random, npyFile(someArray(random)))),
  "npy: every length of a file that was cut": async (random) => {
    const bytes = npyFile(someArray(random));
    const part = bytes.slice(0, random.below(bytes.length));
    hold((await read(part.length, isPlainWords, () => readNpy(part.buffer))) === null, "what was cut is refused");
  },
  "npy: headers that lie": (random) => {
    const axis = () => random.pick([...LIES, "-22", "22", "3", "1e3", "0.5", "22L", "None"]);
    const shape = random.list(4, axis).join(",");
    const kind = random.pick(["<f8", "<f4", "|O", ">f8", "<i4", "f8"]);
    const header = `{'descr': '${kind}', 'fortran_order': ${random.pick(["False", "True"])}, 'shape': (${shape}), }`;
    const array = { ...someArray(random), header };
    return holdNpy(random.chance(0.5) ? npyFile(array) : damagedBytes(random, npyFile(array)));
  },
  "npy: a length of the header that is none": (random) => {
    const bytes = npyFile(someArray(random));
    new DataView(bytes.buffer).setUint32(8, random.pick([0, 1, 0xffff, 0x7fffffff, 0xffffffff]), true);
    return holdNpy(bytes);
  },
  "npy: a header without end": (random) => {
    if (!random.chance(0.02)) return null;
    const header = random.pick(["'shape':(", "'shape': ", "'descr': '", "((((", " "]).repeat(60000 + random.below(60000));
    return holdNpy(npyFile({ shape: [], values: [], version: 2, header }));
  },
};
