// Reads what every image of a chain says about itself, without reading contents.

import type { ReadableBlockBackend } from "@qcow/block";
import type { ImageMetadata } from "./image-metadata.js";
import { walkChain } from "./layers/open-chain.js";
import type { OpenOptions } from "./open-options.js";

/** One file of a chain of backing files. */
export type ChainLink =
  | { readonly format: "qcow2"; readonly label: string; readonly metadata: ImageMetadata }
  | {
      readonly format: "raw";
      readonly label: string;
      /** Length in bytes. */
      readonly size: number;
    };

/** The chain that starts with `backend`, top first. Rejects as opening it would (`Qcow2Reader.open`). */
export async function readChain(
  backend: ReadableBlockBackend,
  options: Pick<OpenOptions, "openReference" | "signal"> = {},
): Promise<ChainLink[]> {
  const opened: ReadableBlockBackend[] = [];
  const links: ChainLink[] = [];
  try {
    for await (const { file, metadata } of walkChain(
      { backend, format: "qcow2", mayReference: true },
      options,
      opened,
    )) {
      const { label } = file.backend;
      if (metadata === undefined)
        links.push({ format: "raw", label, size: await file.backend.size(options) });
      else links.push({ format: "qcow2", label, metadata });
    }
    return links;
  } finally {
    await Promise.allSettled(opened.map((file) => file.close()));
  }
}
