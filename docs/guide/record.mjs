// Walks through the page as the guide does and takes its pictures anew, from a server that runs:
//
//   npm install --prefix docs/guide
//   node docs/guide/record.mjs http://127.0.0.1:8080 [--blender PYTHON]
//
// Needs Chromium ($CHROMIUM, else /usr/bin/chromium). PYTHON is one with bpy 4.5 and Pillow (tests/interop/requirements.txt); without it the
// picture of Blender stays as it is. The same model and the same seeds give the same pictures, up to how the browser draws.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const HERE = import.meta.dirname;
const SIZE = { width: 1120, height: 700 };
/** Milliseconds that a motion may take on a busy machine. */
const PATIENCE = 600_000;

const WALK = {
  prompt: "two people walk toward each other, shake right hands and step apart",
  seconds: 8,
  seed: 21,
  /** A frame in which hands meet. */
  meeting: 120,
  /** Which of the four is compared with which, counted from 1. */
  compared: [4, 3],
  /** Frames, counted from 1, in which person 1's arms are made anew. */
  window: [166, 225],
  arms: "one person waves with the right hand",
  after: [["both bow politely, japanese style", 2], ["one person backs away from the other", 2]],
  editSeed: 6,
};

const [address, ...rest] = process.argv.slice(2);
if (!address) {
  console.error("name the address of a server: node docs/guide/record.mjs http://127.0.0.1:8080");
  process.exit(2);
}
const python = rest[0] === "--blender" ? rest[1] : null;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"],
});
const context = await browser.newContext({ viewport: SIZE, colorScheme: "light", reducedMotion: "reduce" });
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE);
page.on("pageerror", (error) => {
  throw error;
});

/** A second page that turns PNG into WebP. */
const press = await context.newPage();

async function picture(name) {
  // At rest one finer frame is drawn; a pointer over the strip would say its frame.
  await page.mouse.move(2, 2);
  await page.waitForTimeout(1500);
  const png = (await page.screenshot()).toString("base64");
  const webp = await press.evaluate(async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.8).split(",")[1];
  }, png);
  const bytes = Buffer.from(webp, "base64");
  await writeFile(join(HERE, `${name}.webp`), bytes);
  console.log(`${name}.webp ${bytes.length} bytes`);
}

/** Waits until the page shows what it was asked for. */
async function made(versions = 0) {
  await page.waitForFunction((versions) =>
    !document.getElementById("composer").hasAttribute("data-busy")
      && document.querySelectorAll("#versions-list li").length >= versions, versions);
  const words = page.locator("#words[data-kind=problem]:not([hidden])");
  if (await words.count()) throw new Error(await words.textContent());
}

/** Drags on the strip from one frame to another, counted from 1. */
async function dragFrame(from, to) {
  const box = await page.locator("#timeline").boundingBox();
  const frames = Number((await page.locator("#frame").textContent()).split(" / ")[1]);
  const x = (frame) => box.x + 8 + ((frame - 1) / (frames - 1)) * (box.width - 16);
  await page.mouse.move(x(from), box.y + 34);
  await page.mouse.down();
  await page.mouse.move(x(to), box.y + 34, { steps: 8 });
  await page.mouse.up();
}

const seek = async (frame) => {
  const now = Number((await page.locator("#frame").textContent()).split(" / ")[0]);
  await dragFrame(now, frame);
};

await page.goto(address);
await page.waitForFunction(() => document.getElementById("frame").textContent !== "");

await page.fill("#prompt", WALK.prompt);
await page.fill("#seconds", String(WALK.seconds));
await page.fill("#seed", String(WALK.seed));
await page.selectOption("#samples", "4");
await picture("1-prompt");

await page.click("#generate");
await page.waitForSelector("#composer[data-busy]");
await made();
await seek(WALK.meeting);
await picture("2-seeds");

await page.keyboard.press(String(WALK.compared[0]));
await page.keyboard.press("c");
await page.keyboard.press(String(WALK.compared[1]));
await page.waitForTimeout(9000); // The words about comparing go away.
await picture("3-compare");
await page.keyboard.press("c");

await page.keyboard.press("g");
await page.click("#edit-open");
const [from, to] = WALK.window;
const ends = await page.evaluate(() => ["edit-from", "edit-to"].map((id) => Number(document.getElementById(id).value)));
await dragFrame(ends[1] + 1, to + 1);
await dragFrame(ends[0], from);
await page.uncheck("#edit-person2");
await page.uncheck("#edit-legs");
await page.uncheck("#edit-torso");
await page.fill("#edit-prompt", WALK.arms);
await page.fill("#edit-seed", String(WALK.editSeed));
await seek(Math.round((from + to) / 2));
await picture("4-window");

await page.click("#edit-make");
await made(2);
await page.locator("#versions").scrollIntoViewIfNeeded();
await picture("5-arms");

await page.selectOption("#edit-kind", "extend");
await page.click("#edit-add");
for (const [i, [words, seconds]] of WALK.after.entries()) {
  const [prompt, length] = await page.locator(`#edit-stretches li:nth-child(${i + 1}) input`).all();
  await prompt.fill(words);
  await length.fill(String(seconds));
}
await page.fill("#edit-seed", String(WALK.editSeed));
await page.click("#edit-make");
await made(3);
await page.evaluate(() => document.activeElement.blur());
await seek(270);
await picture("6-extended");

await page.click("#downloads-open");
await picture("7-download");

if (python) {
  const folder = await mkdtemp(join(tmpdir(), "duet-guide-"));
  try {
    const links = await page.locator("#downloads a").evaluateAll((all) => all.map((link) => link.href));
    for (const link of links.filter((link) => /\.(glb|bvh)$/.test(link))) {
      const answer = await context.request.get(link);
      if (!answer.ok()) throw new Error(`${link}: ${answer.status()}`);
      await writeFile(join(folder, link.split("/").at(-1)), await answer.body());
    }
    const output = join(HERE, "8-blender.webp");
    execFileSync(python, [join(HERE, "blender.py"), folder, output, "--frame", String(WALK.meeting)], { stdio: ["ignore", "ignore", "inherit"] });
  } finally {
    await rm(folder, { recursive: true });
  }
}
await browser.close();
