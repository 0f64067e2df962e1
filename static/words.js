// What the page says to a person: one line above the controls, read out by screen readers.

let hush = 0;

/** Shows a line, for good or for some seconds; "" takes it away. */
export function say(words, { kind = "note", seconds = 0 } = {}) {
  const place = document.getElementById("words");
  clearTimeout(hush);
  place.textContent = words;
  place.dataset.kind = kind;
  place.hidden = words === "";
  if (seconds > 0) hush = setTimeout(() => say(""), seconds * 1000);
}

/** Says what went wrong and what to do about it. */
export const complain = (words) => say(words, { kind: "problem" });
