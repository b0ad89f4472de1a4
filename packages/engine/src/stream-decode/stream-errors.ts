// What can be wrong with a stream that is right as far as it goes.

import { EngineError } from "../engine-error.js";

/** `what` is named when it is gone already. */
export function passedBy(label: string, offset: number, what: string): EngineError {
  const message = `${what} at offset ${offset} of ${label} is named after it has passed by as something else; decode the image from a file`;
  return new EngineError("QCOW2_PASSED_BY", message, { offset });
}

/** The stream ended after `end` bytes, without `what`. */
export function cutShort(label: string, end: number, what: string, offset: number): EngineError {
  const message = `${label} ended after ${end} bytes, and ${what} at offset ${offset} had not come: it was cut short, or is damaged`;
  return new EngineError("QCOW2_REFERENCE_OUTSIDE_FILE", message, { offset });
}
