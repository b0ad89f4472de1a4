export * from "./backend-address.js";
export * from "./backend-registry.js";
export * from "./backing-policy.js";
export * from "./command-error.js";
export type { CommandExtension, ExtensionHookOptions } from "./command-extension.js";
export { describeExtensions } from "./command-extension.js";
export * from "./common-flags.js";
export * from "./error-report.js";
export * from "./exit-codes.js";
export * from "./host-clock.js";
export * from "./host-compression.js";
export * from "./human-size.js";
export * from "./interrupt.js";
export * from "./interruptible.js";
export * from "./json-text.js";
export { mergeNbdReports } from "./merge-observers.js";
export * from "./open-for-writing.js";
export * from "./open-image.js";
export * from "./open-new-image.js";
export {
  type OpenWritableImageOptions,
  openImageIn,
  openWritableImage,
  usingImage,
  type WritableImage,
} from "./open-writable-image.js";
export * from "./parse-size.js";
export * from "./program-name.js";
export * from "./progress.js";
export * from "./progress-descriptor.js";
export * from "./qcow-command.js";
export type * from "./qcow-hooks.js";
export * from "./raw-input.js";
export * from "./raw-output.js";
export * from "./referenced-name.js";
export * from "./referenced-path.js";
export * from "./remote-access.js";
export {
  REMOTE_FLAGS,
  type RemoteFlagDefinitions,
  type RemoteFlags,
  type RequestHeader,
} from "./remote-flags.js";
export * from "./remote-references.js";
export * from "./remote-statistics.js";
export type * from "./run-watch.js";
export type { ImageWatcher } from "./run-watches.js";
export * from "./size-change.js";
export * from "./spill-file.js";
export * from "./standard-input.js";
export * from "./standard-output.js";
export * from "./trace-log.js";
