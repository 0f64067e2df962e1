// Random inputs, good and bad, the same again from the same seed.

class Random {
  constructor(seed) {
    this.state = Math.imul(seed + 1, 0x85ebca6b) >>> 0;
  }

  /** From 0 up to 1 (mulberry32). */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  chance(share) {
    return this.next() < share;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  within(most) {
    return (this.next() * 2 - 1) * most;
  }

  list(most, make) {
    return Array.from({ length: this.below(most + 1) }, () => make());
  }

  /** Well-formed text of many scripts, with what addresses, shells and JSON give a meaning to. */
  text(most) {
    return this.list(most, () => this.pick([..."abc éßאبखी漢字😀👩‍👧 &=+%#?;'\"\\{}[]/:<>\n\t\0\u202e\ufeff"])).join("");
  }
}

const NUMBERS = [
  0, -0, 1, -1, 0.5, 1.5, 22, 66, 10001, 2 ** 31, 2 ** 32, 2 ** 53, 1e16, 1e21, 1e308, -1e308, 5e-324, NaN, Infinity, -Infinity,
];
/** Names that mean something to JavaScript, and some of the formats'. */
const KEYS = [
  "__proto__", "constructor", "prototype", "toString", "valueOf", "length", "map", "then", "positions", "persons", "kind", "timeline",
  "frames", "fps", "prompt", "", "0",
];

/** Any value that JSON has, and numbers that it has not. */
function anything(random, depth = 3) {
  const inner = () => anything(random, depth - 1);
  switch (random.below(depth > 0 ? 7 : 5)) {
    case 0: return random.pick([null, true, false]);
    case 1: case 2: return random.pick(NUMBERS);
    case 3: return random.text(6);
    case 4: return random.pick([undefined, "NaN", "-1", "1e999", "//evil.example/x", "javascript:alert(1)"]);
    case 5: return random.list(4, inner);
    // Unlike an assignment this makes a property of its own also of __proto__, as JSON.parse does.
    default: return Object.fromEntries(random.list(4, () => [random.pick(KEYS), inner()]));
  }
}

/** A copy of a value with something else somewhere in it, or something less. */
function spoilt(random, value) {
  if (value === null || typeof value !== "object" || random.chance(0.1)) return anything(random);
  const entries = Object.entries(value);
  const at = random.below(entries.length + 1);
  if (at === entries.length) entries.push([Array.isArray(value) ? String(at) : random.pick(KEYS), anything(random)]);
  else if (random.chance(0.1)) entries.splice(at, 1);
  else entries[at] = [entries[at][0], spoilt(random, entries[at][1])];
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

/** Bytes with a few of them changed, taken out, repeated or cut off. */
function damagedBytes(random, bytes) {
  let out = [...bytes];
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(out.length + 1);
    switch (random.below(6)) {
      case 0: out = out.slice(0, at); break;
      case 1: if (at < out.length) out[at] ^= 1 << random.below(8); break;
      case 2: if (at < out.length) out[at] = random.pick([0, 0xff, 0x7f, 0x80, 0xc0, 0xf0]); break;
      case 3: out.splice(at, random.below(8)); break;
      case 4: out.splice(at, 0, ...random.list(8, () => random.below(256))); break;
      default: out.splice(at, 0, ...out.slice(at, at + 40));
    }
  }
  return Uint8Array.from(out);
}

const LIES = [
  "-1", "0", "-0", "1.5", "1e308", "-1e308", "1e-320", "NaN", "Infinity", "0x10", "30000000", "4294967296", "99999999999", "9".repeat(400),
  "{", "}", "", "\0", "'", "(",
];

/** Text with a few of its numbers or words replaced, taken out or repeated. */
function damagedText(random, text) {
  const parts = text.split(/(-?[\d.]+|\s+|[{}(),])/);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(parts.length);
    parts[at] = random.pick([random.pick(LIES), "", parts[at] + parts[at], parts[random.below(parts.length)]]);
  }
  return parts.join("");
}
