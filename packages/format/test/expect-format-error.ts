// Owns how tests of this package assert an error: by code and place, and that the message is one printable line.
// Does not assert messages: they may change.

import { expect } from "vitest";
import { FormatError, type FormatErrorCode, printable } from "../src/index.js";

export interface ExpectedError {
  readonly code: FormatErrorCode;
  readonly structure: string;
  readonly field?: string;
  readonly offset?: number;
}

export function expectFormatError(action: () => unknown, expected: ExpectedError): FormatError {
  const error = thrownBy(action);
  if (!(error instanceof FormatError)) throw new Error(`expected a FormatError, got ${String(error)}`);
  const { code, structure, field, offset } = error;
  expect({ code, structure, field, offset }).toEqual({ field: undefined, offset: undefined, ...expected });
  expectOneLine(error);
  return error;
}

export function expectOneLine(error: FormatError): void {
  expect(error.message).toBe(printable(error.message));
  expect(error.message.length).toBeLessThan(1000);
}

/** Runs `action`; whatever it throws must be a FormatError. */
export function throwsOnlyFormatErrors(action: () => unknown): void {
  const error = thrownBy(action);
  if (error === undefined) return;
  if (!(error instanceof FormatError)) throw error;
  expectOneLine(error);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
