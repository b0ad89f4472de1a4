import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryBackend } from "@qcow/backend-memory";
import type { ReferenceOpener } from "@qcow/engine";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inspectPage } from "./bundles.js";
import { chromiumPath, openPage, startChromium } from "./chromium.js";
import { type FileServer, serveFiles } from "./file-server.js";
import { goldenBytes, goldenFacts } from "./golden-files.js";
import { dropFiles, openHere, shownBy, shownHere } from "./page-reading.js";

/** The image, then its backing file, then that one's, and so on. */
const chain = ["backing-chain3.qcow2", ...goldenFacts("backing-chain3").files.slice(1).reverse()];
const images = [...chain, "comp-zstd-2m.qcow2", "compio-1k-v2.qcow2", "aes-legacy-v2.qcow2"];
const noReference: ReferenceOpener = () => Promise.reject(new Error("names no file"));

/** The file of an image as the page labels it. */
function here(file: string, label: string): MemoryBackend {
  return MemoryBackend.fromBytes(goldenBytes(file), { label });
}

describe.skipIf(chromiumPath === undefined)("the inspecting page in Chromium (needs chromium)", () => {
  let browser: Browser;
  let pageServer: FileServer;
  let imageServer: FileServer;
  let strictServer: FileServer;
  let hidingServer: FileServer;
  let page: Page;
  let complaints: string[];
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "inspect-page-test-"));
    const files = new Map(images.map((file) => [`/images/${file}`, { bytes: goldenBytes(file) }]));
    files.set("/images/hello.txt", {
      bytes: new TextEncoder().encode("hello, this is no image\n".repeat(100)),
    });
    pageServer = await serveFiles(await inspectPage());
    imageServer = await serveFiles(files, { cors: true });
    strictServer = await serveFiles(files);
    hidingServer = await serveFiles(files, { cors: true, exposesHeaders: false });
    browser = await startChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
    const servers = [pageServer, imageServer, strictServer, hidingServer];
    for (const server of servers) await server?.[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    imageServer.log.length = 0;
    ({ page, complaints } = await openPage(browser, `${pageServer.origin}/index.html`));
  });
  afterEach(() => page.close());

  async function openUrl(url: string): Promise<void> {
    await page.getByLabel("Address of an image").fill(url);
    await page.getByRole("button", { name: "Open" }).click();
  }

  async function bytesAt(offset: string): Promise<string | null> {
    await page.getByLabel("From offset").fill(offset);
    await page.getByRole("button", { name: "Show" }).click();
    await page.locator("#bytes:not(:empty)").waitFor();
    return await page.locator("#bytes").textContent();
  }

  it("shows of an image at another origin what the engine says on Node.js, in one request", async () => {
    const url = `${imageServer.origin}/images/compio-1k-v2.qcow2`;
    await openUrl(url);
    const expected = await openHere(here("compio-1k-v2.qcow2", url), noReference);
    expect(await shownBy(page)).toEqual(shownHere(expected));
    expect(await bytesAt("0x400")).toBe(await expected.bytesAt(0x400));
    await page.getByRole("button", { name: "Check" }).click();
    await page.locator("#check-report:not(:empty)").waitFor();
    expect(await page.locator("#check-report").textContent()).toBe(await expected.check());
    expect(imageServer.log).toEqual(["GET /images/compio-1k-v2.qcow2 bytes=0-262143"]);
    expect(await page.locator("#costs").textContent()).toContain("1 requests, ");
    expect(complaints).toEqual([]);
  });

  it("follows backing files beside an image, and nothing else", async () => {
    const base = `${imageServer.origin}/images/`;
    await openUrl(base + chain[0]);
    const openReference: ReferenceOpener = async ({ name }) => ({ backend: here(name, base + name) });
    const expected = await openHere(here("backing-chain3.qcow2", base + chain[0]), openReference);
    expect(await shownBy(page)).toEqual(shownHere(expected));
    const paths = imageServer.log.map((line) => line.split(" ")[1]);
    expect([...new Set(paths)]).toEqual(chain.map((file) => `/images/${file}`));
    // One for each file, and one for a table of the first that lies further back.
    expect(paths).toHaveLength(5);
    expect(await page.locator("#costs").textContent()).toContain("5 requests, ");
    expect(complaints).toEqual([]);
  });

  it("shows a dropped file, with its backing files, and asks no server", async () => {
    await dropFiles(
      page,
      chain.map((name) => ({ name, bytes: goldenBytes(name) })),
    );
    const openReference: ReferenceOpener = async ({ name }) => ({ backend: here(name, name) });
    const expected = await openHere(here("backing-chain3.qcow2", "backing-chain3.qcow2"), openReference);
    expect(await shownBy(page)).toEqual(shownHere(expected));
    expect(imageServer.log).toEqual([]);
    expect(await page.locator("#costs").textContent()).toMatch(/^\d+ reads, /);
    expect(complaints).toEqual([]);
  });

  it("shows a chosen file, and bytes of its compressed clusters", async () => {
    const path = join(folder, "comp-zstd-2m.qcow2");
    await writeFile(path, goldenBytes("comp-zstd-2m.qcow2"));
    await page.getByLabel("Or a file of this computer").setInputFiles(path);
    const expected = await openHere(here("comp-zstd-2m.qcow2", "comp-zstd-2m.qcow2"), noReference);
    expect(await shownBy(page)).toEqual(shownHere(expected));
    expect(await bytesAt("5242180")).toBe(await expected.bytesAt(5_242_180));
    expect(complaints).toEqual([]);
  });

  it("says which file is missing when a dropped image needs one", async () => {
    await dropFiles(page, [{ name: "top.qcow2", bytes: goldenBytes("backing-chain3.qcow2") }]);
    const problem = await page.locator("#problem:not(:empty)").textContent();
    expect(problem).toBe(
      `top.qcow2 needs its backing file ${chain[1]}. Choose both files together, the image first.`,
    );
  });

  it("shows where encrypted contents lie, and says that they cannot be shown", async () => {
    await dropFiles(page, [{ name: "aes.qcow2", bytes: goldenBytes("aes-legacy-v2.qcow2") }]);
    const expected = await openHere(here("aes-legacy-v2.qcow2", "aes.qcow2"), noReference);
    expect(await shownBy(page)).toEqual(shownHere(expected));
    expect(await page.locator("#notice").textContent()).toContain("The contents are encrypted");
    await page.getByRole("button", { name: "Show" }).click();
    const problem = await page.locator("#problem:not(:empty)").textContent();
    expect(problem).toBe("The contents of this image are encrypted, and cannot be shown.");
  });

  it("says that a file is no image", async () => {
    await openUrl(`${imageServer.origin}/images/hello.txt`);
    expect(await page.locator("#problem:not(:empty)").textContent()).toContain("This is not a qcow2 image.");
    expect(await page.locator("#result").isVisible()).toBe(false);
  });

  it("names CORS when the server does not let pages of other origins read", async () => {
    await openUrl(`${strictServer.origin}/images/comp-zstd-2m.qcow2`);
    const problem = await page.locator("#problem:not(:empty)").textContent();
    expect(problem).toContain("it must send the header Access-Control-Allow-Origin (CORS)");
  });

  it("names the header that is missing when the server hides which part of the file it sends", async () => {
    await openUrl(`${hidingServer.origin}/images/comp-zstd-2m.qcow2`);
    const problem = await page.locator("#problem:not(:empty)").textContent();
    expect(problem).toContain("it has no Content-Range; for other sites a server must list it");
  });

  it("replaces an image by the next one that is opened", async () => {
    await openUrl(`${imageServer.origin}/images/hello.txt`);
    await page.locator("#problem:not(:empty)").waitFor();
    await openUrl(`${imageServer.origin}/images/comp-zstd-2m.qcow2`);
    await shownBy(page);
    expect(await page.locator("#problem").textContent()).toBe("");
    await dropFiles(page, [{ name: "aes.qcow2", bytes: goldenBytes("aes-legacy-v2.qcow2") }]);
    await page.locator("#notice:not(:empty)").waitFor();
    expect((await shownBy(page)).map.every(([, , , , file]) => file === "" || file === "aes.qcow2")).toBe(
      true,
    );
  });
});
