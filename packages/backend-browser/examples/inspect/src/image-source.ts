// Where an image comes from: an address, or files of this computer. Owns which of the files that an image names may be
// opened: those beside it at the same server, or those that were chosen with it.

import { browserClock, openBlob } from "@qcow/backend-browser";
import { openHttp } from "@qcow/backend-http";
import { newCounters, type ReadableBlockBackend, withCounting } from "@qcow/block";
import type { Reference, ReferenceOpener } from "@qcow/engine";
import { countText, sizeText } from "./numbers.js";

export interface ImageSource {
  readonly backend: ReadableBlockBackend;
  readonly openReference: ReferenceOpener;
  /** What reading took so far. */
  costs(): string;
  close(): Promise<void>;
}

/** A file that an image needs, and that may not or cannot be opened. */
export class MissingReference extends Error {
  readonly reference: Reference;
  readonly advice: string;

  constructor(reference: Reference, advice: string) {
    super(`${reference.from} needs ${reference.name}`);
    this.reference = reference;
    this.advice = advice;
  }
}

/** An image at a server. Files that it names are opened when they lie in its folder, or below. */
export async function urlSource(address: string, signal: AbortSignal): Promise<ImageSource> {
  const folder = new URL(".", address);
  const time = browserClock();
  const opened: Awaited<ReturnType<typeof openHttp>>[] = [];
  const places = new Map<string, string>();
  const open = async (url: string): Promise<ReadableBlockBackend> => {
    // A server that does not answer at once is not worth many tries here: somebody is waiting.
    const backend = await openHttp(url, { time, tries: 2, signal });
    opened.push(backend);
    places.set(backend.label, url);
    return backend;
  };
  return {
    backend: await open(address),
    openReference: async (reference) => {
      const from = places.get(reference.from) ?? address;
      const target = URL.canParse(reference.name, from) ? new URL(reference.name, from) : undefined;
      if (target?.origin !== folder.origin || !target.pathname.startsWith(folder.pathname)) {
        throw new MissingReference(
          reference,
          "It is opened only when it lies beside the image at the server.",
        );
      }
      return { backend: await open(target.href) };
    },
    costs: () => {
      const requests = opened.reduce((sum, { counters }) => sum + counters.requests, 0);
      const bytes = opened.reduce((sum, { counters }) => sum + counters.bytesReceived, 0);
      return `${countText(requests)} requests, ${sizeText(bytes)} received`;
    },
    close: async () => {
      await Promise.all(opened.map((backend) => backend.close()));
    },
  };
}

/** An image among files that were chosen together: the first one; files that it names are looked for among the others. */
export function fileSource(files: readonly File[]): ImageSource {
  const counters = newCounters();
  const open = (file: File): ReadableBlockBackend => withCounting(openBlob(file), counters);
  const [image] = files;
  if (image === undefined) throw new Error("no file was chosen");
  return {
    backend: open(image),
    openReference: async (reference) => {
      // Files have no folders here: what counts is the last part of the name.
      const wanted = reference.name.split("/").at(-1);
      const file = files.find(({ name }) => name === wanted);
      if (file === undefined)
        throw new MissingReference(reference, "Choose both files together, the image first.");
      return { backend: open(file) };
    },
    costs: () => `${countText(counters.reads)} reads, ${sizeText(counters.bytesRead)}`,
    close: async () => {},
  };
}
