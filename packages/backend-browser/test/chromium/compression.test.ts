import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scriptPage } from "./bundles.js";
import { chromiumPath, openPage, startChromium } from "./chromium.js";
import { type FileServer, serveFiles } from "./file-server.js";
import { compressedImages, goldenBytes, goldenFacts } from "./golden-files.js";

describe.skipIf(chromiumPath === undefined)("compression in Chromium (needs chromium)", () => {
  let browser: Browser;
  let server: FileServer;
  let page: Page;

  beforeAll(async () => {
    const files = await scriptPage("./hash-disks.ts");
    for (const name of compressedImages())
      files.set(`/${name}.qcow2`, { bytes: goldenBytes(`${name}.qcow2`) });
    server = await serveFiles(files);
    browser = await startChromium();
    ({ page } = await openPage(browser, `${server.origin}/index.html`));
    await page.waitForFunction("typeof hashDisk === 'function'");
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  it.each(compressedImages())("reads every byte of %s as QEMU does", async (name) => {
    expect(await page.evaluate(`hashDisk("/${name}.qcow2")`)).toBe(goldenFacts(name).sha256);
  });

  it.each([1, 512, 65_536, 2 * 1024 * 1024])("gives back %d bytes from a padded stream", async (length) => {
    expect(await page.evaluate(`roundTrip(${length})`)).toBe(true);
  });
});
