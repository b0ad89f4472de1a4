// The public names of this package.

export type { RandomBits } from "./crash-fate.js";
export * from "./crashing-backend.js";
export * from "./faulty-backend.js";
export * from "./manual-clock.js";
export { MemoryBackend, type MemoryBackendOptions } from "./memory-backend.js";
