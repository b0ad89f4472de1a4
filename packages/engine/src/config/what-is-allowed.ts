// What a configuration allows, and what follows from it for how an image is opened.

import { EngineError } from "../engine-error.js";
import type { OpenImageOptions } from "../open-image-options.js";
import type { ImageConfig } from "./image-config.js";

/** Throws `QCOW2_UNSUPPORTED_CHANGE` when nothing may be written. */
export function requireWritable(label: string, config: ImageConfig | undefined): void {
  if (config?.readOnly !== true) return;
  throw new EngineError(
    "QCOW2_UNSUPPORTED_CHANGE",
    `${label} is configured to be read only: open it with Qcow2Reader`,
  );
}

/** Throws `QCOW2_UNSUPPORTED_CHANGE` when the guest may not discard. */
export function requireDiscard(label: string, config: ImageConfig | undefined): void {
  if (config?.discard !== false) return;
  throw new EngineError(
    "QCOW2_UNSUPPORTED_CHANGE",
    `discard is not enabled in the configuration of ${label}`,
  );
}

/** Those who discard much change refcounts much: they are lazy then, unless something else was asked for. */
export function withConfiguredRefcounts(options: OpenImageOptions): OpenImageOptions {
  const { config, refcounts } = options;
  return config?.discard === true && refcounts === undefined ? { ...options, refcounts: "lazy" } : options;
}
