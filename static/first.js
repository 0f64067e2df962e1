// Before anything is painted: light or dark, as chosen on an earlier visit or as the system has it.
(() => {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem("duet.theme"));
  } catch {
    // A browser that keeps nothing follows the system.
  }
  const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  document.documentElement.dataset.theme = kept === "light" || kept === "dark" ? kept : system;
})();
