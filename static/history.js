// Earlier results of this visit, newest first, each a small picture that brings it back.

const MOST = 12;

export class History {
  /** `show(result)` is called when one is chosen. */
  constructor(list, show) {
    this.list = list;
    this.show = show;
    this.entries = [];
  }

  add(result, picture) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    button.title = result.prompt;
    button.setAttribute("aria-label", `Show again: ${result.prompt}`);
    image.src = picture;
    image.alt = "";
    image.width = 72;
    image.height = 72;
    button.append(image);
    button.addEventListener("click", () => this.show(result));
    item.append(button);
    this.list.prepend(item);
    this.entries.unshift({ result, item, button });
    for (const old of this.entries.splice(MOST)) old.item.remove();
    this.mark(result);
    // One result needs no rail to go back to.
    this.list.hidden = this.entries.length < 2;
  }

  mark(result) {
    for (const { result: mine, button } of this.entries) {
      if (mine === result) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
