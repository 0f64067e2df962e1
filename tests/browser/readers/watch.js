// What must hold of every reader, whatever it is given: an answer in time, no NaN, no room for more than there is, no error but its own.

/** Longest that one input may take, milliseconds: far more than any does, as machines are busy. */
const PATIENCE = 8000;
/** Most that is set aside for any input: what ten thousand frames, the longest motion, need. */
const ALWAYS = 10000 * 66;

function hold(is, words) {
  if (!is) throw new Error(words);
}

/** Runs `deed` and returns [what it came to, the longest array that it made by number]. */
async function measured(deed) {
  let most = 0;
  const note = (length) => {
    // Those that are no length at all are the reader's to refuse; what they make is an error of the language.
    if (typeof length === "number") most = Math.max(most, length);
  };
  const real = { Float32Array, Float64Array, Uint8Array, ArrayBuffer, Array };
  const from = Array.from;
  for (const [name, kind] of Object.entries(real)) {
    globalThis[name] = new Proxy(kind, {
      construct(target, given, own) {
        note(given.length === 1 ? given[0] : 0);
        return Reflect.construct(target, given, own);
      },
    });
  }
  Array.from = function (source, ...rest) {
    note(source?.length);
    return from.call(this === globalThis.Array ? real.Array : this, source, ...rest);
  };
  try {
    return [await deed(), most];
  } finally {
    Object.assign(globalThis, real);
    Array.from = from;
  }
}

/** The value that a reader gives for an input of `size` bytes; null where it refuses in its own words (`isOwn(error)`). */
async function read(size, isOwn, deed) {
  const since = performance.now();
  const [{ value = null, error = null }, most] = await measured(async () => {
    try {
      return { value: await deed() };
    } catch (error) {
      return { error };
    }
  });
  hold(performance.now() - since < PATIENCE, `${size} bytes take ${performance.now() - since} ms`);
  hold(most <= Math.max(size, ALWAYS), `room for ${most} is made for ${size} bytes`);
  hold(error === null || isOwn(error), `it is not the reader who says: ${error?.stack}`);
  hold({}.polluted === undefined && Object.keys(Object.prototype).length === 0, "all objects have something new");
  return value;
}

/** Readers of files speak of "it"; errors of the language are of other kinds. */
const isPlainWords = (error) => error.constructor === Error && /^its? /.test(error.message);

/** Positions [frames][22][3], all of them finite. */
function holdPositions(positions) {
  hold(Array.isArray(positions) && positions.length > 0 && positions.length <= 10000, `${positions?.length} frames`);
  for (const pose of positions) {
    hold(pose.length === 22 && pose.every((point) => point.length === 3 && point.every(Number.isFinite)), JSON.stringify(pose));
  }
}

/** A clip as readReply gives it: everything that is drawn is finite. */
function holdClip(clip, people) {
  hold(clip.frames >= 1 && clip.frames <= 10000 && clip.fps >= 1 && Number.isFinite(clip.seconds), "its length");
  hold(clip.samples.length > 0, "it has samples");
  for (const { persons, bodies, steps, touches, files, seed } of clip.samples) {
    hold(people.includes(persons.length) && bodies.length === persons.length, `${persons.length} people`);
    hold(persons.every((person) => person.length === clip.frames * 66 && person.every(Number.isFinite)), "finite positions");
    hold(bodies.every(({ scale, ankle }) => Number.isFinite(scale) && Number.isFinite(ankle)), "finite bodies");
    hold(steps.flat().every(({ at, forward }) => [...at, ...forward].every(Number.isFinite)), "finite steps");
    hold(touches.every(({ start, end }) => start >= 0 && end <= clip.frames && start < end), "touches within");
    hold(files.every(({ href }) => new URL(href, location.href).origin === location.origin), `links elsewhere: ${JSON.stringify(files)}`);
    hold(seed === undefined || Number.isFinite(seed), "a seed that is a number");
  }
  for (const name of ["id", "parent", "model", "prompt", "unlike"]) hold(typeof clip[name] === "string", `${name} is text`);
}

/** Whether two values are the same through and through. */
function same(a, b) {
  if (Object.is(a, b)) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

/** Tries every property with the seeds from `first` up to `end`: [how many cases there were, words for the first that fails]. */
async function tried(properties, first, end) {
  let cases = 0;
  for (const [name, property] of Object.entries(properties)) {
    for (let seed = first; seed < end; seed++) {
      cases++;
      try {
        await property(new Random(seed));
      } catch (error) {
        return [cases, `${name}, seed ${seed}: ${error.stack}`];
      }
    }
  }
  return [cases, ""];
}
