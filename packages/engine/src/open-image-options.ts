// What a caller may say when opening an image for writing. Owns the shapes.

import type { BlockBackend, IoOptions } from "@qcow/block";
import type { ImageConfig } from "./config/image-config.js";
import type { OpenOptions } from "./open-options.js";

export interface OpenImageOptions extends Omit<OpenOptions, "snapshot"> {
  /** Opens the external data file, whose name the image records, for writing; needed for images that have one. */
  readonly openDataFile?: ((name: string, options: IoOptions) => Promise<BlockBackend>) | undefined;
  /**
   * `lazy`: refcounts are written when the image is closed, under the dirty bit until then. `strict`: with each flush.
   * What the image itself says when absent; always `strict` in version 2.
   */
  readonly refcounts?: "lazy" | "strict" | undefined;
  /** Whether space that is discarded is given back to the host, where the backend can; `true` by default. */
  readonly punchHoles?: boolean | undefined;
  /**
   * How the image behaves while it is in use; absent, it discards as asked and never compacts. Needs `time` for what
   * happens in the background.
   */
  readonly config?: ImageConfig | undefined;
  /** Breaks the crash rule on purpose, to prove that tests would notice. @internal */
  readonly reuseFreedAtOnce?: boolean | undefined;
  /** As `reuseFreedAtOnce`: gives sources of moves up, or cuts them off, before it is durable that nothing names them. @internal */
  readonly breakMoves?: "source-before-pointer" | "cut-before-flush" | undefined;
}
