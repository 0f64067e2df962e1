// Shorthands for the document.

export const byId = (id) => document.getElementById(id);

/** An element with text and attributes; an attribute of true is set without value, one of false or null left out. */
export function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  return made;
}

/** A button that does `deed`. */
export function button(text, deed, attributes = {}) {
  const made = element("button", text, { type: "button", ...attributes });
  made.addEventListener("click", deed);
  return made;
}

/** Copies text; where the clipboard is closed to pages (plain http on another host) `byHand(text)` shows it. */
export async function copy(text, byHand) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    byHand(text);
    return false;
  }
}
