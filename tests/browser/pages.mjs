// Looks at the pages of a running daemon as people do: with a mouse, a keyboard, a phone, without JavaScript, on paper.
//
//   node pages.mjs URL PDF
//
// Prints `CHANGE …` when the endpoint is to change, `COMMAND "…"` with what the copy button gave, and ends with 1 at the
// first expectation that is not met. SIPTLS_PAGE_PICTURES=FOLDER leaves pictures there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [root, pdf] = process.argv.slice(2);
const pictures = process.env.SIPTLS_PAGE_PICTURES;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const BADNESS = { fail: 4, inconclusive: 3, warn: 2, "not yet visited": 1, pass: 0 };
const HOSTILE = "<script>alert(1)</script> & 'quotes'";
const HAM = ["static-rsa-cbc", "two-addresses", "wrong-name"];
const target = (name) => `targets/${encodeURIComponent(name).replace(/['()*!]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`;
const PAGES = {
  fleet: "",
  filtered: "?label=site%3Dham&verdict=fail&sort=target",
  empty: "?q=nothing+has+this+name",
  failing: target("requires-client-certificate"),
  two: target("two-addresses"),
  hostile: target(HOSTILE),
  silent: target("silent"),
  check: "checks/client-certificate-not-requested",
  missing: "targets/nobody",
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const complaints = [];

// A page that tells of everything it should not do.
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !page.expectsFailure) {
      complaints.push(`${page.url()}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error}`));
  page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => { if (!request.url().startsWith(root)) complaints.push(`asked for ${request.url()}`); });
  return page;
}

async function step(name, run) {
  const began = Date.now();
  await run();
  console.log(`ok ${name} (${Date.now() - began} ms)`);
}

const picture = (page, name, options = {}) =>
  pictures ? page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true, ...options }) : null;

// Lets the page's clock run, a little at a time, so that answers come between, until something is so.
async function passing(page, what, isSo) {
  for (let i = 0; !(await isSo()); i += 1) {
    assert.ok(i < 120, `waited in vain: ${await what()}`);
    await page.clock.runFor(3_000);
    await new Promise((done) => { setTimeout(done, 120); });
  }
}

// The rows of the fleet: target, place, verdict, one for each address.
const rows = (page) => page.$$eval(".fleet tbody", (groups) => groups.flatMap((group) => {
  const name = group.querySelector("th a").textContent;
  return [...group.rows].map((row) => [name, row.querySelector(".place").textContent, row.querySelector(".badge").textContent]);
}));
const names = async (page) => [...new Set((await rows(page)).map(([name]) => name))];

await step("the worst come first, and what breaks when stands above", async () => {
  const page = await open();
  await page.goto(root);
  const found = await rows(page);
  assert.equal(found.length, 16, JSON.stringify(found));
  const groups = new Map();
  for (const [name, , verdict] of found) groups.set(name, Math.max(groups.get(name) ?? 0, BADNESS[verdict]));
  const badness = [...groups.values()];
  assert.deepEqual(badness, [...badness].sort((one, other) => other - one));
  assert.equal(badness[0], BADNESS.fail);
  assert.equal(badness.at(-1), BADNESS.pass);
  assert.deepEqual(found.filter(([name]) => name === "two-addresses").map(([, place]) => place).sort(),
    ["127.0.0.2:5061", "127.0.0.3:5061"]);
  const headline = await page.textContent(".headline");
  assert.match(headline, /^1 of 13 targets will stop taking calls when clientAuth is removed, on \d{4}-\d\d-\d\d at the latest \(in \d+ days\)\. 1 asks for a client certificate and may be affected\./);
  const removal = (name) => page.textContent(`tbody:has(a[href="targets/${name}"]) .removal`);
  assert.match(await removal("requires-client-certificate"), /^breaks in \d+ dayson \d{4}-\d\d-\d\d at the latest$/);
  assert.match(await removal("asks-client-certificate"), /^at risk in \d+ days/);
  assert.equal(await removal("good"), "not affected");
  assert.match(await page.title(), /^\d+ fail – siptls-probe$/);
  await picture(page, "fleet-light");
});

await step("sorting and filtering, with history and without a reload", async () => {
  const page = await open();
  await page.goto(root);
  await page.evaluate(() => { window.sameDocument = true; });
  const worstFirst = await names(page);
  await page.click("th a.sort >> text=Target");
  await page.waitForURL(`${root}?sort=target`);
  const sorted = await names(page);
  assert.deepEqual(sorted, [...sorted].sort((one, other) => (one < other ? -1 : 1)));
  assert.equal(await page.getAttribute("th:has(a.sort:text('Target'))", "aria-sort"), "ascending");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Target");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${root}?sort=target&order=reversed`);
  assert.deepEqual(await names(page), [...sorted].reverse());
  assert.equal(await page.getAttribute("th:has(a.sort:text('Target'))", "aria-sort"), "descending");
  await page.click("th a.sort >> text=Certificate ends");
  await page.waitForURL(`${root}?sort=certificate`);
  assert.equal((await names(page))[0], "expired");
  await page.click("th a.sort >> text=Removal day");
  await page.waitForURL(`${root}?sort=removal`);
  assert.equal((await names(page))[0], "requires-client-certificate");
  await page.goBack();
  await page.waitForFunction(() => document.querySelector(".fleet th a[href^=targets]").textContent === "expired");
  await page.goto(root);
  await page.evaluate(() => { window.sameDocument = true; });

  await page.fill("#label", "site=ham");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${root}?label=site%3Dham`);
  assert.deepEqual((await names(page)).sort(), HAM);
  assert.equal(await page.textContent("#live"), "3 of 15 targets, the worst come first");
  assert.equal(await page.evaluate(() => document.activeElement.id), "label");
  await page.click(".counts a:has-text('warn')");
  await page.waitForURL(`${root}?label=site%3Dham&verdict=warn`);
  assert.deepEqual(await names(page), ["static-rsa-cbc"]);
  assert.equal(await page.getAttribute(".counts a:has-text('warn')", "aria-current"), "true");
  await page.click("text=Show all");
  await page.waitForURL(`${root}?`);
  assert.deepEqual((await names(page)).sort(), [...worstFirst].sort());
  await page.locator("#q").pressSequentially("127.0.0.3");
  await page.waitForURL(`${root}?q=127.0.0.3`);
  await page.waitForFunction(() => document.querySelectorAll(".fleet tbody tr").length === 1);
  assert.deepEqual(await rows(page), [["two-addresses", "127.0.0.3:5061", "pass"]]);
  assert.equal(await page.inputValue("#q"), "127.0.0.3");
  assert.equal(await page.evaluate(() => window.sameDocument), true, "the page was loaded anew");
});

await step("without JavaScript the same rows", async () => {
  const bare = await open({ javaScriptEnabled: false });
  const page = await open();
  for (const query of ["", "?sort=target", "?sort=target&order=reversed", "?label=site%3Dfra", "?label=team&q=expir", "?verdict=fail"]) {
    await page.goto(root + query);
    await bare.goto(root + query);
    const expected = await rows(page);
    assert.ok(expected.length > 0, query);
    assert.deepEqual(await rows(bare), expected, query);
  }
  await bare.goto(root);
  assert.match(await bare.textContent("body"), /Reload the page to see newer results/);
  await bare.fill("#label", "site=ham");
  await bare.click("button[type=submit]");
  assert.equal(new URL(bare.url()).searchParams.get("label"), "site=ham");
  assert.deepEqual((await names(bare)).sort(), HAM);
  await bare.goto(root + PAGES.failing);
  assert.equal(await bare.isVisible("button[data-copy]"), false);
  await bare.click("summary");
  assert.ok(await bare.isVisible("text=certificate-dates"));
});

await step("the keyboard reaches everything in order", async () => {
  const page = await open();
  await page.goto(root);
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  assert.ok(await page.locator(".jump").isVisible());
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const order = [];
  for (let i = 0; i < 30 && order.at(-1) !== "found"; i += 1) {
    await page.keyboard.press("Tab");
    const [text, outline, href] = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return [document.activeElement.textContent.trim() || document.activeElement.id,
        `${style.outlineStyle} ${style.outlineWidth}`, document.activeElement.getAttribute("href") ?? ""];
    });
    assert.match(outline, /^(solid|auto) (?!0px)/, `no visible focus on ${text}`);
    order.push(href.startsWith("targets/") ? "found" : text);
  }
  assert.deepEqual(order.slice(0, 4), ["q", "label", "Filter", order[3]]);
  assert.equal(order.at(-1), "found", order.join(" | "));
  assert.ok(order.indexOf("Target") < order.indexOf("Removal day"), order.join(" | "));
  await page.keyboard.press("Enter");
  await page.waitForURL(`${root}targets/**`);
});

await step("a phone of 360 pixels scrolls up and down alone", async () => {
  const page = await open({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
  for (const [name, path] of Object.entries(PAGES)) {
    page.expectsFailure = name === "missing";
    await page.goto(root + path);
    for (const details of await page.$$("details")) await details.evaluate((one) => { one.open = true; });
    const [width, culprits] = await page.evaluate(() => [document.documentElement.scrollWidth,
      [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > 361
        && !one.closest(".hidden, .wide") && getComputedStyle(one).position !== "absolute").slice(0, 5).map((one) => one.outerHTML.slice(0, 200))]);
    assert.ok(width <= 360, `${name}: ${width} pixels wide: ${culprits.join("\n")}`);
    // What is wider than its box can be scrolled within it; on a phone the tables are blocks, so nothing is.
    const inside = await page.$$eval(".wide", (all) => all.map((one) => one.scrollWidth - one.clientWidth));
    assert.ok(inside.every((more) => more <= 1), `${name}: tables wider than the phone by ${inside}`);
    await picture(page, `phone-${name}`);
  }
});

await step("axe finds nothing, light or dark, on any page", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open({ colorScheme });
    for (const [name, path] of Object.entries(PAGES)) {
      page.expectsFailure = name === "missing";
      await page.goto(root + path);
      if (colorScheme === "dark") await picture(page, `dark-${name}`);
      else if (name !== "fleet") await picture(page, `light-${name}`);
      for (const details of await page.$$("details")) await details.evaluate((one) => { one.open = true; });
      // By way of the debugger: the page's own policy lets no such script in.
      await page.evaluate(axe);
      // The scheme changes colours and nothing else.
      const only = colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {};
      const { violations, passes } = await page.evaluate((only) => window.axe.run(document, { resultTypes: ["violations"], ...only }), only);
      const told = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
      assert.deepEqual(told, [], `${name}, ${colorScheme}`);
      assert.ok(passes.some(({ id }) => id === "color-contrast"), `${name}: axe did not look at colours`);
    }
    await page.context().close();
  }
});

await step("text of peers and operators stays text", async () => {
  const page = await open();
  await page.goto(root + PAGES.hostile);
  assert.equal(await page.textContent("h1"), HOSTILE);
  assert.equal(await page.locator("main script, main img, main b b").count(), 0);
  const text = await page.textContent("main");
  for (const part of ["<img src=x onerror=alert(1)>", "note=<b>bold</b>", "siptls-probe check"]) {
    assert.ok(text.includes(part), `${part} in ${text.slice(0, 2000)}`);
  }
  assert.equal(text.includes("\u202e"), false);
  const height = await page.$$eval(".fleet tbody tr", () => 0).then(() => page.goto(root)).then(() =>
    page.$$eval(".fleet tbody", (all) => Math.max(...all.map((one) => one.offsetHeight))));
  assert.ok(height < 400, `a row of ${height} pixels`);
});

await step("what changes is shown without losing the place", async () => {
  const page = await open();
  await page.clock.install();
  await page.goto(root + PAGES.two);
  assert.match(await page.textContent(".sentence"), /At all 2 addresses: the next call from .* connects/);
  await picture(page, "two-before");
  await page.evaluate(() => { window.sameDocument = true; });
  // The reader opened something, selected a text, scrolled, and stands on a link.
  const second = "[id='at-127.0.0.2_3a5061']";
  await page.click(`${second} details summary`);
  await page.$eval("#history-title", (title) => getSelection().selectAllChildren(title));
  await page.focus(`${second} [data-copy^=check-]`);
  await page.evaluate(() => scrollTo(0, 600));
  const place = () => page.evaluate(() => ({
    focus: document.activeElement.dataset.copy,
    open: [...document.querySelectorAll("section.address")].filter((one) => one.querySelector("details").open).map((one) => one.id).join(),
    selected: getSelection().toString(), scrolled: scrollY > 300, same: window.sameDocument === true,
  }));
  const before = await place();
  assert.deepEqual(before, { focus: "check-at-127.0.0.2_3a5061", open: "at-127.0.0.2_3a5061", selected: "History", scrolled: true, same: true });
  console.log("CHANGE the second address");
  const sentence = () => page.textContent(".sentence");
  await passing(page, sentence, async () => (await sentence()).includes("At 1 of 2 addresses"));
  assert.match(await page.textContent(".sentence"), /^fail At 1 of 2 addresses: the next call from .* will not connect: .* The others: 1 (warn|pass)\.$/);
  assert.deepEqual(await place(), before);
  const differing = await page.$$eval(".compare .differs th", (all) => all.map((one) => one.textContent));
  assert.ok(differing.includes("verdict") && differing.includes("client certificate"), differing.join());
  assert.ok((await page.$$eval(".compare .odd", (all) => all.map((one) => one.textContent))).every((text) => text.includes("differs")));
  assert.equal(await page.textContent("#live"), "", "nothing to read out");
  assert.match(await page.textContent("#age"), /^updated \d+ s ago$/);
  await passing(page, () => page.textContent("#history"), async () => (await page.locator(".timeline li").count()) >= 2);
  assert.match(await page.textContent("#history"), /verdict.*pass -> fail/s);
  await picture(page, "two-after");

  // The fleet, with something half typed.
  await page.goto(root);
  await page.evaluate(() => { window.sameDocument = true; });
  await page.locator("#label").pressSequentially("site=h");
  let answers = 0;
  page.on("response", () => { answers += 1; });
  await passing(page, () => `${answers} answers`, () => answers >= 2);
  assert.equal(await page.inputValue("#label"), "site=h");
  assert.equal(await page.evaluate(() => document.activeElement.id), "label");
  assert.equal(await page.evaluate(() => window.sameDocument), true);
});

await step("an unchanged page costs no page, and a lost connection is told once", async () => {
  const page = await open();
  await page.clock.install();
  await page.goto(root + PAGES.silent);
  const answers = [];
  page.on("response", (response) => answers.push(response.status()));
  await passing(page, () => `answers ${answers}`, () => answers.includes(304));
  page.expectsFailure = true;
  await page.context().setOffline(true);
  const live = () => page.textContent("#live");
  await passing(page, live, async () => /^connection lost since \d\d:\d\d:\d\d$/.test(await live()));
  const told = await live();
  await page.clock.runFor(30_000);
  assert.equal(await live(), told, "told again");
  assert.match(await page.textContent("#age"), /^updated (\d+ s|\d+ min) ago$/);
  await page.context().setOffline(false);
  await passing(page, live, async () => (await live()) === "connected again");
});

await step("the command can be copied, the report printed", async () => {
  const page = await open();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(root).origin });
  await page.goto(root + PAGES.failing);
  assert.match(await page.textContent(".sentence"), /^fail The next call from Genesys BYOC Cloud will not connect: /);
  assert.match(await page.textContent("section.verdict"), /Whose turn\s*Whoever runs the endpoint \(sbc\.example\.test\)/);
  await page.click("[data-copy^=check-]");
  await page.waitForFunction(() => document.getElementById("live").textContent === "command copied");
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(command, await page.textContent("[id^=check-]"));
  console.log(`COMMAND ${JSON.stringify(command)}`);
  await page.pdf({ path: pdf, preferCSSPageSize: true });
});

assert.deepEqual(complaints, []);
await browser.close();
