// What the example's page shows, taken out of the page; and the same from the engine on Node.js.

import { nodeCompression } from "@qcow/backend-node";
import type { ReadableBlockBackend } from "@qcow/block";
import type { ReferenceOpener } from "@qcow/engine";
import type { Page } from "playwright-core";
import { Inspection } from "../../examples/inspect/src/inspection.js";

export interface Shown {
  readonly facts: readonly (readonly string[])[];
  readonly map: readonly (readonly string[])[];
}

/** Waits until the page has opened an image, and tells what it shows. */
export async function shownBy(page: Page): Promise<Shown> {
  await page.locator("#status", { hasText: "Done." }).waitFor();
  const [names, values] = await Promise.all([texts(page, "#info dt"), texts(page, "#info dd")]);
  const rows = page.locator("#map tr");
  const map = await rows.evaluateAll((lines) =>
    lines.map((line) => Array.from(line.children, (cell) => cell.textContent)),
  );
  return { facts: names.map((name, at) => [name, values[at] ?? ""]), map };
}

async function texts(page: Page, selector: string): Promise<string[]> {
  return await page.locator(selector).allTextContents();
}

/** Opens an image here as the page does there. */
export async function openHere(
  backend: ReadableBlockBackend,
  openReference: ReferenceOpener,
): Promise<Inspection> {
  return await Inspection.open(backend, { compression: nodeCompression(), openReference });
}

export function shownHere({ facts, map }: Inspection): Shown {
  return { facts, map: map.rows };
}

/** Lets go of files over the page, as somebody does who dragged them there. */
export async function dropFiles(
  page: Page,
  files: readonly { name: string; bytes: Uint8Array }[],
): Promise<void> {
  const packed = files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString("base64") }));
  const data = await page.evaluateHandle((items) => {
    const transfer = new DataTransfer();
    for (const { name, base64 } of items) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    return transfer;
  }, packed);
  await page.dispatchEvent("body", "drop", { dataTransfer: data });
}
