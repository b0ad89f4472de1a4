// The few assertions of the suites. They throw plain errors whose messages say what was expected;
// no test runner is needed for that.

import { type BackendErrorCode, isBackendError } from "../backend-error.js";

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export function assertEqual<T>(actual: T, expected: T, what: string): void {
  assert(Object.is(actual, expected), `${what}: expected ${String(expected)}, got ${String(actual)}`);
}

/** Compares bytes and names the first that differs. */
export function assertBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assertEqual(actual.length, expected.length, `${what}: length`);
  const index = actual.findIndex((byte, position) => byte !== expected[position]);
  assert(index === -1, `${what}: byte ${index} is ${actual[index]}, expected ${expected[index]}`);
}

export function assertAll(bytes: Uint8Array, value: number, what: string): void {
  const index = bytes.findIndex((byte) => byte !== value);
  assert(index === -1, `${what}: byte ${index} is ${bytes[index]}, expected ${value}`);
}

/** The operation must reject with a BackendError that has `code`. */
export async function assertRejects(
  operation: () => Promise<unknown>,
  code: BackendErrorCode,
  what: string,
): Promise<void> {
  const outcome = await outcomeOf(operation);
  assert("error" in outcome, `${what}: expected ${code}, but it resolved`);
  assert(isBackendError(outcome.error, code), `${what}: expected ${code}, got ${String(outcome.error)}`);
}

/** The operation must reject with exactly `reason`. */
export async function assertAborts(
  operation: () => Promise<unknown>,
  reason: unknown,
  what: string,
): Promise<void> {
  const outcome = await outcomeOf(operation);
  assert("error" in outcome, `${what}: expected to be cancelled, but it resolved`);
  assertEqual(outcome.error, reason, `${what}: the reason`);
}

/** The operation may have been too fast to be cancelled; if it rejects, then with exactly `reason`. */
export async function assertAbortsOrResolves(
  operation: () => Promise<unknown>,
  reason: unknown,
  what: string,
): Promise<void> {
  const outcome = await outcomeOf(operation);
  if ("error" in outcome) assertEqual(outcome.error, reason, `${what}: the reason`);
}

async function outcomeOf(
  operation: () => Promise<unknown>,
): Promise<{ error: unknown } | { value: unknown }> {
  // The call lies inside the try: an operation that throws at once instead of rejecting is no conforming one,
  // but which error it is remains worth saying.
  let pending: Promise<unknown>;
  try {
    pending = operation();
  } catch (error) {
    throw new Error(`threw instead of rejecting: ${String(error)}`, { cause: error });
  }
  return pending.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}
