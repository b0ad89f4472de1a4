// The public names of this package.

export { browserClock } from "./browser-clock.js";
export { openBlob } from "./open-blob.js";
export { webCompression } from "./web-compression.js";
