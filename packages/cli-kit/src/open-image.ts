// Opening an image for a command: address → backend → reader, with the policy for what the image names,
// decompression and tracing. Owns the wiring and what must be closed again.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import type { Observer, Qcow2Reader, ReferenceOpener } from "@qcow/engine";
import { parseAddress } from "./backend-address.js";
import { type OpenBackendOptions, openBackend } from "./backend-registry.js";
import { type BackingPolicy, referenceOpener } from "./backing-policy.js";
import { CommandError } from "./command-error.js";
import { mergeObservers } from "./merge-observers.js";
import type { RemoteAccess } from "./remote-access.js";
import { remoteReferenceOpener } from "./remote-references.js";
import type { ImageStatistics, ImageWatch } from "./run-watch.js";
import type { ImageWatcher } from "./run-watches.js";
import { traced } from "./trace-log.js";

export interface OpenImageOptions extends IoOptions {
  readonly policy: BackingPolicy;
  /** Given each line of `--trace`; absent when nothing is traced. */
  readonly trace?: ((line: string) => void) | undefined;
  /** How servers are reached. */
  readonly remote?: RemoteAccess | undefined;
  /** Id or name of an internal snapshot to read instead of the active disk. */
  readonly snapshot?: string | undefined;
  /** Whether many short reads will come, for which preparing is worth its time. */
  readonly manyReads?: boolean | undefined;
  /** Most bytes of compressed clusters kept decompressed. */
  readonly clusterCacheBytes?: number | undefined;
  /** Told what the engine does. */
  readonly observer?: Observer | undefined;
  /** Those who want to know of every image that is opened. */
  readonly watch?: ImageWatcher | undefined;
  /** How the image is called in what they are told; made from the address when absent. */
  readonly id?: string | undefined;
}

/** An image that can be read, with all files that it is made of. */
export interface OpenImage extends AsyncDisposable {
  readonly reader: Qcow2Reader;
  /** The bytes of the image itself. */
  readonly source: ReadableBlockBackend;
  close(): Promise<void>;
}

/** Opens the bytes of an image and nothing else: no backing file, no data file. */
export async function openSource(
  address: string,
  options: Pick<OpenImageOptions, "trace"> & OpenBackendOptions,
): Promise<ReadableBlockBackend> {
  const backend = await openBackend(address, options);
  return options.trace === undefined ? backend : traced(backend, options.trace);
}

/** The opener for the files that the image at `address` names, under the policy. */
export function openerFor(address: string, options: OpenImageOptions): ReferenceOpener {
  const { scheme, location } = parseAddress(address);
  if (scheme === "http" || scheme === "https") return remoteOpener(options);
  if (scheme !== "file") return refuseOthers(scheme);
  return referenceOpener({
    policy: options.policy,
    topPath: location,
    openFile: async (path, io) => {
      const { openReadable } = await import("@qcow/backend-node");
      const opened = await openReadable(path, { ...io, sparse: options.manyReads });
      return options.trace === undefined ? opened : traced(opened, options.trace, path);
    },
  });
}

/** Opens an image for reading its contents. */
export async function openImage(address: string, options: OpenImageOptions): Promise<OpenImage> {
  const [{ Qcow2Reader }, { nodeCompression, systemClock }] = await Promise.all([
    import("@qcow/engine"),
    import("@qcow/backend-node"),
  ]);
  const source = await openSource(address, options);
  try {
    const watch = options.watch?.({ address, writable: false, id: options.id });
    const reader = await Qcow2Reader.open(source, {
      signal: options.signal,
      snapshot: options.snapshot,
      clusterCacheBytes: options.clusterCacheBytes,
      compression: nodeCompression(),
      openReference: openerFor(address, options),
      time: systemClock,
      observer: mergeObservers([options.observer, watch?.observer]),
    });
    const opened = new OpenedImage(reader, source, watch);
    watch?.opened?.(() => opened.statistics());
    return opened;
  } catch (error) {
    await source.close();
    throw error;
  }
}

class OpenedImage implements OpenImage {
  readonly reader: Qcow2Reader;
  readonly source: ReadableBlockBackend;
  readonly #watch: ImageWatch | undefined;

  constructor(reader: Qcow2Reader, source: ReadableBlockBackend, watch: ImageWatch | undefined) {
    this.reader = reader;
    this.source = source;
    this.#watch = watch;
  }

  async statistics(): Promise<ImageStatistics> {
    const { virtualSize } = this.reader;
    return { virtualSize, fileSize: await this.source.size(), recycling: undefined };
  }

  async close(): Promise<void> {
    try {
      this.#watch?.closed?.(await this.statistics().catch(() => undefined));
      await this.reader.close();
    } finally {
      await this.source.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function remoteOpener({ policy, remote, trace }: OpenImageOptions): ReferenceOpener {
  if (remote === undefined) return refuseOthers("http");
  return remoteReferenceOpener({
    policy,
    landingOf: (label) => remote.landingOf(label),
    open: async (url, io) => {
      const opened = await remote.open(url, io);
      return trace === undefined ? opened : traced(opened, trace, opened.label);
    },
  });
}

function refuseOthers(scheme: string): ReferenceOpener {
  return (reference) => {
    const message = `${reference.from}: files that a ${scheme}: image names are not opened`;
    return Promise.reject(new CommandError("CLI_REFERENCE_REFUSED", message));
  };
}
