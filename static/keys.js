// The keyboard: one table from key to deed. Keys typed into a field, or with Ctrl, Alt or Meta, are left alone.

const TYPES = new Set(["INPUT", "TEXTAREA", "SELECT"]);

/** `deeds` maps KeyboardEvent.key (lower case; "shift+" before arrows) to a function. */
export function listen(deeds) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    const plain = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const name = event.shiftKey && event.key.startsWith("Arrow") ? `shift+${plain}` : plain;
    if (name !== "Escape" && (TYPES.has(target.tagName) || target.isContentEditable)) return;
    // Space and Enter press the button that has the focus.
    if ((name === " " || name === "Enter") && target.closest("button, a, summary")) return;
    const deed = deeds[name];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
  // A button pressed with the pointer lets go of the focus, so that space plays again.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && event.detail > 0 && button === document.activeElement) button.blur();
  });
  // So does what was chosen with it.
  let pointed = false;
  document.addEventListener("pointerdown", () => (pointed = true), true);
  document.addEventListener("keydown", () => (pointed = false), true);
  document.addEventListener("change", ({ target }) => {
    if (pointed && target.matches("select, [type=checkbox], [type=range]")) target.blur();
  });
}
