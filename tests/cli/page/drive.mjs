// Drives pages of reports in a browser, as people use them. By hand; see README.md in this folder.
//
//     node drive.mjs [--shots FOLDER] PAGE.html...
//     node drive.mjs --times N PAGE.html...
//
// For each page: no message on the console, no request, axe-core finds nothing serious in the page and in the panel,
// menu, filter, sorting and drill-down by mouse and by keyboard, a link to a view, downloads; prints sizes and times.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "package.json"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const args = process.argv.slice(2);
const shots = args[0] === "--shots" ? args.splice(0, 2)[1] : null;
const times = args[0] === "--times" ? Number(args.splice(0, 2)[1]) : 0;
if (shots) fs.mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/// Processor time of the pages so far: on a busy machine the clock says little.
async function processorSeconds() {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter((one) => one.type === "renderer").reduce((sum, one) => sum + one.cpuTime, 0);
}

async function opened(file, options = {}, fragment = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  const seen = [];
  page.on("console", (message) => seen.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => seen.push(`error: ${error}`));
  page.on("request", (request) => { if (!/^(file|blob|data):/.test(request.url())) seen.push(`request: ${request.url()}`); });
  const busyBefore = await processorSeconds();
  const begin = performance.now();
  await page.goto(pathToFileURL(file).href + fragment);
  if (options.javaScriptEnabled !== false) await page.waitForSelector("html[data-ready]", { state: "attached" });
  const seconds = (performance.now() - begin) / 1000;
  return { context, page, seen, seconds, busy: await processorSeconds() - busyBefore };
}

/// What axe-core calls serious or critical. The policy of the page lets no script in, so it comes through the debugger.
async function violations(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return result.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id} (${one.nodes.length}): ${one.nodes[0].html.slice(0, 200)}`);
}

async function downloaded(page, action) {
  const [download] = await Promise.all([page.waitForEvent("download"), action()]);
  return fs.readFileSync(await download.path(), "utf8");
}

async function drive(file) {
  const name = path.basename(file, ".html");
  const { context, page, seen, seconds, busy } = await opened(file);
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  console.log(`${name}: ${(fs.statSync(file).size / 1e6).toFixed(2)} MB, usable after ${seconds.toFixed(2)} s (${busy.toFixed(2)} s of a processor), ` +
    `${nodes} elements`);
  const done = [];

  // The menu: each entry has its target, and marks where one is.
  const targets = await page.$$eval("nav a", (links) => links.map((link) => document.getElementById(link.hash.slice(1))?.tagName ?? link.hash));
  assert(targets.every((tag) => /^H\d$/.test(tag)), `targets of the menu: ${targets}`);
  await page.locator("nav a").last().click();
  await page.waitForTimeout(200);
  assert.equal(await page.locator("nav a[aria-current]").count(), 1);
  done.push("menu");

  if (await page.locator("#filters").count()) {
    const total = await page.evaluate(() => layers.count);
    const warned = await page.evaluate(() => layers.columns.get("warning").findIndex((text) => text !== ""));
    if (warned >= 0) {
      const word = await page.evaluate((i) => layers.get("warning", i).split(";")[0], warned);
      await page.selectOption("#filters [name=warning]", word);
      const status = await page.textContent("#filter-status");
      assert.match(status, new RegExp(`^\\d+ of ${total} layers$`));
      assert(Number(status.split(" ")[0]) < total || total < 3);
      const bright = await page.$$eval("svg [data-i]:not(.dim)", (marks) => marks.map((mark) => Number(mark.dataset.i)));
      assert(await page.evaluate(([marks, w]) => marks.every((i) => layers.get("warning", i).split(";").includes(w)), [bright, word]));
      const rows = await page.$$eval("main tr[data-i]:not([hidden])", (list) => list.map((row) => Number(row.dataset.i)));
      assert(rows.length > 0 && await page.evaluate(([list, w]) => list.every((i) => layers.get("warning", i).split(";").includes(w)), [rows, word]));
      // A link to the view shows the same.
      const fragment = new URL(page.url()).hash;
      assert.match(fragment, /^#view:/);
      const again = await opened(file, {}, fragment);
      assert.equal(await again.page.textContent("#filter-status"), status);
      await again.context.close();
      await page.click("#filters button:has-text('Reset')");
      assert.equal(await page.textContent("#filter-status"), `all ${total} layers`);
      done.push(`filter (${word}: ${status})`, "link");
    }
    const first = await page.evaluate(() => layers.names[layers.worst[0]]);
    await page.fill("#filters [name=q]", first);
    assert(Number((await page.textContent("#filter-status")).split(" ")[0]) >= 1);
    await page.fill("#filters [name=q]", "");
    done.push("search");
  }

  // A reason opens the figure that shows it, also one that its group hides.
  for (const reason of await page.$$eval(".verdict a", (links) => links.map((link) => link.hash.slice(1)))) {
    await page.evaluate((id) => document.querySelector(`.verdict a[href="#${id}"]`).click(), reason);
    await page.waitForFunction((id) => document.getElementById(id).checkVisibility(), reason);
  }
  done.push("reasons");

  // Sorting by keyboard.
  const heads = page.locator("main thead button");
  if (await heads.count()) {
    const head = page.locator("main th.n button").first();
    await head.focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("main th[aria-sort=descending]").count(), 1);
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("main th[aria-sort=ascending]").count(), 1);
    done.push("sorting by key");
  }

  // A row by mouse, the next one by key, closed by Escape with the focus back where it was.
  const link = page.locator("main td.name a").first();
  if (await link.count()) {
    await link.focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector("#panel[open]");
    assert.match(page.url(), /layer-\d+/);
    const found = await violations(page);
    assert.deepEqual(found, [], "axe-core, of the panel");
    if (shots) await page.screenshot({ path: path.join(shots, `${name}-panel.png`) });
    const title = await page.textContent("#panel-title");
    const next = page.locator("#panel button:has-text('Next')");
    if (await next.isEnabled()) {
      await next.click();
      assert.notEqual(await page.textContent("#panel-title"), title);
    }
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !document.querySelector("#panel[open]"));
    await page.waitForFunction(() => document.activeElement.matches("td.name a"));
    await page.locator("main tr[data-i] td.n").first().click();
    await page.waitForSelector("#panel[open]");
    await page.keyboard.press("Escape");
    done.push("panel by key and mouse");
  }
  for (const [kind, marks] of [["mark of a layer", "svg [data-i]"], ["cell of several", "svg [data-block]"]]) {
    const mark = page.locator(`main figure:not([hidden]) ${marks}`).first();
    if (!await mark.count()) continue;
    await mark.scrollIntoViewIfNeeded();
    await mark.dispatchEvent("click");
    await page.waitForSelector("#panel[open]");
    if (shots && kind.startsWith("cell")) await page.screenshot({ path: path.join(shots, `${name}-cell.png`) });
    await page.keyboard.press("Escape");
    const svg = page.locator(`main figure:not([hidden]) svg:has(${marks.slice(4)})`).first();
    await svg.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#panel[open]");
    await page.keyboard.press("Escape");
    done.push(kind);
  }

  // Downloads.
  const csv = page.locator("main button:has-text('CSV')");
  if (await csv.count()) {
    const text = await downloaded(page, () => csv.last().click());
    assert(text.includes(",") && text.split("\n").length > 2);
    done.push("CSV");
  }
  const svg = page.locator("main figure:not([hidden]) button:has-text('SVG')").first();
  if (await svg.count()) {
    const text = await downloaded(page, () => svg.click());
    assert.match(text, /^<svg [^]*<style[^]*<\/svg>\s*$/);
    if (shots) fs.writeFileSync(path.join(shots, `${name}-figure.svg`), text);
    done.push("SVG");
  }
  const json = JSON.parse(await downloaded(page, () => page.click("button:has-text('JSON of the page')")));
  assert(json.tables.length > 0 || !await page.locator("main table").count());
  done.push("JSON");

  assert.deepEqual(await violations(page), [], "axe-core");
  assert.deepEqual(seen, [], "console and requests");
  await context.close();
  console.log(`  ${done.join(", ")}; axe-core finds nothing serious; console empty; no request`);

  // Without a script: every link has its target.
  const plain = await opened(file, { javaScriptEnabled: false });
  if (shots) await plain.page.screenshot({ path: path.join(shots, `${name}-without-script.png`) });
  await plain.context.close();

  if (!shots) return;
  for (const width of [400, 1280, 2560]) {
    for (const colorScheme of ["light", "dark"]) {
      const view = await opened(file, { colorScheme, viewport: { width, height: width < 500 ? 850 : Math.round(width / 1.6) } });
      await view.page.screenshot({ path: path.join(shots, `${name}-${width}-${colorScheme}.png`) });
      const table = view.page.locator("main table").last();
      if (colorScheme === "light" && await table.count()) {
        await view.page.evaluate(() => document.querySelector("main tr[id]")?.scrollIntoView());
        await view.page.mouse.wheel(0, 600);
        await view.page.waitForTimeout(300);
        await view.page.screenshot({ path: path.join(shots, `${name}-${width}-table.png`) });
      }
      const overflow = await view.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      const height = await view.page.evaluate(() => document.documentElement.scrollHeight);
      if (colorScheme === "light") console.log(`  at ${width} px: ${height} px high, ${overflow > 0 ? `${overflow} px too wide` : "no sideways scrolling"}`);
      await view.context.close();
    }
  }
  const print = await opened(file);
  const pdf = await print.page.pdf({ preferCSSPageSize: true, path: path.join(shots, `${name}.pdf`) });
  console.log(`  printed: ${(pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length} pages`);
  await print.context.close();
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/// How long a page takes until it is usable: the median of several times.
async function measure(file) {
  const runs = [];
  for (let k = 0; k < times; ++k) {
    const one = await opened(file);
    runs.push(one);
    await one.context.close();
  }
  console.log(`${path.basename(file, ".html")}: ${(fs.statSync(file).size / 1e6).toFixed(2)} MB, usable after ` +
    `${median(runs.map((one) => one.seconds)).toFixed(2)} s, ${median(runs.map((one) => one.busy)).toFixed(2)} s of a processor`);
}

try {
  for (const file of args) await (times ? measure : drive)(path.resolve(file));
} finally {
  await browser.close();
}
