// Connects the page's forms to the inspection of an image. Owns which image is open: opening another one cancels
// and closes what was before.

import { webCompression } from "@qcow/backend-browser";
import { fileSource, type ImageSource, urlSource } from "./image-source.js";
import { Inspection } from "./inspection.js";
import { parseOffset } from "./numbers.js";
import {
  element,
  hideResult,
  showBytes,
  showCheck,
  showCosts,
  showProblem,
  showResult,
  showStatus,
} from "./page.js";
import { plainWords } from "./plain-words.js";

interface OpenImage {
  readonly source: ImageSource;
  readonly inspection: Inspection;
}

const compression = webCompression();
let cancel = new AbortController();
let current: OpenImage | undefined;

/** Does `work`, says what is going on, and shows what goes wrong, unless something else was begun meanwhile. */
async function attempt(doing: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const { signal } = cancel;
  showProblem("");
  showStatus(doing);
  let status = "Done.";
  try {
    await work(signal);
  } catch (error) {
    if (signal.aborted) return;
    status = "";
    showProblem(plainWords(error));
  }
  if (signal.aborted) return;
  showStatus(status);
  if (current !== undefined) showCosts(current.source.costs());
}

async function openImage(
  name: string,
  openSource: (signal: AbortSignal) => Promise<ImageSource>,
): Promise<void> {
  cancel.abort();
  cancel = new AbortController();
  const before = current;
  current = undefined;
  hideResult();
  await attempt(`Opening ${name} …`, async (signal) => {
    await before?.inspection.close();
    await before?.source.close();
    const source = await openSource(signal);
    try {
      const { openReference } = source;
      const inspection = await Inspection.open(source.backend, { compression, openReference, signal });
      signal.throwIfAborted();
      current = { source, inspection };
      showResult(inspection);
    } catch (error) {
      if (!signal.aborted) showCosts(source.costs());
      await source.close();
      throw error;
    }
  });
}

async function openFiles(files: FileList | null | undefined): Promise<void> {
  const list = Array.from(files ?? []);
  const [image] = list;
  if (image !== undefined) await openImage(image.name, async () => fileSource(list));
}

async function showBytesAt(text: string): Promise<void> {
  const offset = parseOffset(text);
  if (offset === undefined) return showProblem("An offset is a whole number, decimal or in the form 0x1f00.");
  await attempt("Reading …", async (signal) => {
    showBytes("");
    if (current !== undefined) showBytes(await current.inspection.bytesAt(offset, { signal }));
  });
}

async function check(): Promise<void> {
  await attempt("Checking …", async (signal) => {
    showCheck("");
    if (current !== undefined) showCheck(await current.inspection.check({ signal }));
  });
}

/** Failures of `work` were shown where they happened; one that was not is a bug, for the console. */
function run(work: Promise<void>): void {
  work.catch((error: unknown) => console.error(error));
}

element("open-url", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const address = element("url", HTMLInputElement).value;
  run(openImage(address, (signal) => urlSource(address, signal)));
});
element("file", HTMLInputElement).addEventListener("change", (event) => {
  run(openFiles((event.target as HTMLInputElement).files));
});
element("show-bytes", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  run(showBytesAt(element("offset", HTMLInputElement).value));
});
element("check", HTMLButtonElement).addEventListener("click", () => run(check()));

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dragging"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  run(openFiles(event.dataTransfer?.files));
});
