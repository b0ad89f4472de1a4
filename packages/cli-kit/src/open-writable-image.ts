// Opening an image for a command that changes it: the locked file, the files that it names under the policy, compression,
// the clock for slow I/O. Owns the wiring, and that both the image and its file are closed in every case.

import type { BlockBackend, IoOptions } from "@qcow/block";
import type { ImageConfig, Observer, Qcow2Image } from "@qcow/engine";
import { parseAddress } from "./backend-address.js";
import { referenceOpener } from "./backing-policy.js";
import { mergeObservers } from "./merge-observers.js";
import { openForWriting } from "./open-for-writing.js";
import { type OpenImageOptions, openerFor } from "./open-image.js";
import type { ImageStatistics, ImageWatch } from "./run-watch.js";

export interface OpenWritableImageOptions extends Omit<OpenImageOptions, "snapshot"> {
  /** Flushes do nothing: fast, and after a power failure the image may be lost. */
  readonly unsafeBuffering?: boolean | undefined;
  /** Opens the data file; by default it is opened under the policy. */
  readonly openDataFile?: ((name: string, io: IoOptions) => Promise<BlockBackend>) | undefined;
  /** Given a line for each operation that takes over 30 seconds, unless `observer` has a `slowIo` of its own. */
  readonly warn?: ((line: string) => void) | undefined;
  /** How the image behaves while it is in use: what becomes of free space, for example. */
  readonly config?: ImageConfig | undefined;
}

/** An image that can be changed. */
export interface WritableImage extends AsyncDisposable {
  readonly image: Qcow2Image;
  /** Makes everything durable and lets go of the files. When it rejects, the image is as after a crash: consistent. */
  close(): Promise<void>;
}

/** Opens a local image for changing it, under an exclusive lock. A dirty image is repaired by this. */
export async function openWritableImage(
  address: string,
  options: OpenWritableImageOptions,
): Promise<WritableImage> {
  const backend = await openForWriting(address, options);
  try {
    const watch = watchOf(address, options);
    const image = await openWatched(backend, address, options, watch);
    return new OpenedWritableImage(image, backend, watch);
  } catch (error) {
    await backend.close();
    throw error;
  }
}

/** The same for a file that is open already, and stays the caller's. */
export async function openImageIn(
  backend: BlockBackend,
  address: string,
  options: OpenWritableImageOptions,
): Promise<Qcow2Image> {
  return await openWatched(backend, address, options, watchOf(address, options));
}

function watchOf(address: string, { watch, id }: OpenWritableImageOptions): ImageWatch | undefined {
  return watch?.({ address, writable: true, id });
}

async function openWatched(
  backend: BlockBackend,
  address: string,
  options: OpenWritableImageOptions,
  watch: ImageWatch | undefined,
): Promise<Qcow2Image> {
  const [{ Qcow2Image }, { nodeCompression, systemClock }] = await Promise.all([
    import("@qcow/engine"),
    import("@qcow/backend-node"),
  ]);
  const { observer } = options;
  const slow = observer?.slowIo === undefined ? slowIoObserver(options.warn) : undefined;
  const image = await Qcow2Image.open(backend, {
    signal: options.signal,
    compression: nodeCompression(),
    openReference: openerFor(address, options),
    openDataFile: options.openDataFile ?? dataFileOpener(address, options),
    time: systemClock,
    config: options.config,
    observer: mergeObservers([slow, observer, watch?.observer]),
  });
  watch?.opened?.(() => statisticsOf(image, backend));
  return image;
}

async function statisticsOf(image: Qcow2Image, backend: BlockBackend): Promise<ImageStatistics> {
  const { virtualSize, recycling } = image;
  return { virtualSize, fileSize: await backend.size(), recycling };
}

/** Runs `job` with what was opened and closes that afterwards; when both fail, what `job` says is told. */
export async function usingImage<Opened extends { close(): Promise<void> }, T>(
  opened: Opened,
  job: (opened: Opened) => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await job(opened);
  } catch (error) {
    // Of the same cause, as a rule.
    await opened.close().catch(() => undefined);
    throw error;
  }
  await opened.close();
  return result;
}

/** Opens the external data file of the image at `address` for writing, if the policy lets it. */
function dataFileOpener(
  address: string,
  options: OpenWritableImageOptions,
): (name: string, io: IoOptions) => Promise<BlockBackend> {
  const { location } = parseAddress(address);
  const open = referenceOpener({
    policy: options.policy,
    topPath: location,
    openFile: (path, io) => openForWriting(path, { ...options, ...io, name: path }),
  });
  return async (name, io) => (await open({ kind: "data", name, from: location }, io)).backend;
}

/** Tells `warn` of operations that take too long. @internal */
export function slowIoObserver(warn: ((line: string) => void) | undefined): Observer {
  if (warn === undefined) return {};
  return {
    slowIo: ({ operation, offset, length, elapsedMs, holders }) => {
      const seconds = Math.round(elapsedMs / 1000);
      warn(`${operation} of ${length} bytes at ${offset} takes more than ${seconds} s; still waiting`);
      for (const holder of holders) warn(holder);
    },
  };
}

class OpenedWritableImage implements WritableImage {
  readonly image: Qcow2Image;
  readonly #backend: BlockBackend;
  readonly #watch: ImageWatch | undefined;

  constructor(image: Qcow2Image, backend: BlockBackend, watch: ImageWatch | undefined) {
    this.image = image;
    this.#backend = backend;
    this.#watch = watch;
  }

  async close(): Promise<void> {
    try {
      await this.image.close();
      // By now the file is as short as it gets.
      this.#watch?.closed?.(await statisticsOf(this.image, this.#backend).catch(() => undefined));
    } finally {
      await this.#backend.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
