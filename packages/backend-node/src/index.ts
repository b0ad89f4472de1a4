// The public names of this package.

export type * from "./file-system.js";
export type { LockState } from "./image-lock.js";
export { nodeCompression } from "./node-compression.js";
export type { HostFile } from "./node-file-backend.js";
export {
  type OpenFileOptions,
  type OpenReadableOptions,
  type OpenWritableOptions,
  openReadable,
  openWritable,
} from "./open-file.js";
export { pipeChunks } from "./pipe-chunks.js";
export { systemClock } from "./system-clock.js";
