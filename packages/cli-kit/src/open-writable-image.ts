// Opening an image for a command that changes it: the locked file, the files that it names under the policy, compression,
// the clock for slow I/O. Owns the wiring, and that both the image and its file are closed in every case.

import type { BlockBackend, IoOptions } from "@qcow/block";
import type { Observer, Qcow2Image } from "@qcow/engine";
import { parseAddress } from "./backend-address.js";
import { referenceOpener } from "./backing-policy.js";
import { openForWriting } from "./open-for-writing.js";
import { type OpenImageOptions, openerFor } from "./open-image.js";

export interface OpenWritableImageOptions extends Omit<OpenImageOptions, "snapshot"> {
  /** Flushes do nothing: fast, and after a power failure the image may be lost. */
  readonly unsafeBuffering?: boolean | undefined;
  /** Opens the data file; by default it is opened under the policy. */
  readonly openDataFile?: ((name: string, io: IoOptions) => Promise<BlockBackend>) | undefined;
  /** Given a line for each operation that takes over 30 seconds. */
  readonly warn?: ((line: string) => void) | undefined;
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
    return new OpenedWritableImage(await openImageIn(backend, address, options), backend);
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
  const [{ Qcow2Image }, { nodeCompression, systemClock }] = await Promise.all([
    import("@qcow/engine"),
    import("@qcow/backend-node"),
  ]);
  return await Qcow2Image.open(backend, {
    signal: options.signal,
    compression: nodeCompression(),
    openReference: openerFor(address, options),
    openDataFile: options.openDataFile ?? dataFileOpener(address, options),
    time: systemClock,
    observer: slowIoObserver(options.warn),
  });
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

  constructor(image: Qcow2Image, backend: BlockBackend) {
    this.image = image;
    this.#backend = backend;
  }

  async close(): Promise<void> {
    try {
      await this.image.close();
    } finally {
      await this.#backend.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
