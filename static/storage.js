// What the browser keeps for the next visit, as JSON under names of our own. Browsers may refuse (private windows, full
// disks); the page then works without.

export function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

/** Keeps `value`; null forgets it. Returns whether it was kept. */
export function write(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
