// The public names of this package.

export type * from "./file-system.js";
export { nodeCompression } from "./node-compression.js";
export {
  type OpenReadableOptions,
  type OpenWritableOptions,
  openReadable,
  openWritable,
} from "./open-file.js";
export { systemClock } from "./system-clock.js";
