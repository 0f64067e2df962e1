// How soon something moves: from opening the page with an empty cache to the first frame whose picture and frame number are not those of
// the frame before; then from a press on an example to its first preview and to its end. From a server that runs:
//
//   npm install --prefix docs/guide
//   node docs/guide/first.mjs http://127.0.0.1:8080 [RUNS]
//
// Needs Chromium ($CHROMIUM, else /usr/bin/chromium), which draws in software here. Each run is a browser of its own; processor time
// is that of the page's process, of all its threads.

import { chromium } from "playwright-core";

const [address, runs = "5"] = process.argv.slice(2);
if (!address) {
  console.error("name the address of a server: node docs/guide/first.mjs http://127.0.0.1:8080");
  process.exit(2);
}

/** In the page: notes when what is drawn moves, when a motion of another length is drawn, and when the title changes. */
function watch() {
  const small = new OffscreenCanvas(64, 40).getContext("2d", { willReadFrequently: true });
  const seen = (window.seen = {});
  let before = null;
  const look = () => {
    const stage = document.getElementById("stage");
    const [frame, frames] = (document.getElementById("frame")?.textContent ?? "").split(" / ");
    if (!frames) return;
    small.drawImage(stage, 0, 0, 64, 40);
    const picture = small.getImageData(0, 0, 64, 40).data.join();
    const title = document.getElementById("title").textContent;
    const now = performance.now();
    if (before && before.frame !== frame && before.picture !== picture) seen.moving ??= now;
    if (seen.pressed && before?.frames !== frames) seen.preview ??= now - seen.pressed;
    if (seen.pressed && before?.title !== title) seen.end ??= now - seen.pressed;
    before = { frame, frames, picture, title };
  };
  // The picture is there only until the frame is handed over: it is looked at right after each callback that draws.
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) => request((time) => {
    callback(time);
    look();
  });
}

const row = (words, values) => {
  const sorted = [...values].sort((a, b) => a - b);
  console.log(`${words.padEnd(44)} ${values.map((v) => v.toFixed(2).padStart(6)).join(" ")}   median ${sorted[sorted.length >> 1].toFixed(2)} s`);
};

const told = { moving: [], processor: [], preview: [], end: [] };
for (let run = 0; run < Number(runs); run++) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(600_000);
    const developer = await page.context().newCDPSession(page);
    await developer.send("Performance.enable");
    await page.addInitScript(watch);
    await page.goto(address);
    await page.waitForFunction(() => window.seen.moving);
    const { metrics } = await developer.send("Performance.getMetrics");
    told.processor.push(metrics.find(({ name }) => name === "ProcessTime").value);
    // Another sentence and length than those of the clip that opens the page.
    const chip = page.locator(".examples:not([hidden]) .chips:not([hidden]) .chip[data-seconds]").nth(1);
    await chip.evaluate((element) => {
      window.seen.pressed = performance.now();
      element.click();
    });
    await page.waitForFunction(() => window.seen.end);
    const seen = await page.evaluate(() => window.seen);
    for (const name of ["moving", "preview", "end"]) told[name].push(seen[name] / 1000);
  } finally {
    await browser.close();
  }
}
row("first frame that moves, s", told.moving);
row("  processor time of the page until then, s", told.processor);
row("first preview after a press on an example, s", told.preview);
row("its end, s", told.end);
