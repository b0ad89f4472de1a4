// What a run throws when a promise was broken. Owns the class; what is promised is said where it is judged.

export class Violation extends Error {
  override readonly name = "Violation";
}

/** Throws a `Violation` unless `condition` holds. */
export function require(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new Violation(message());
}

/** One line about whatever was thrown. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` ${String(error.code)}` : "";
  const cause = error.cause === undefined ? "" : ` (because of: ${describeError(error.cause)})`;
  return `${error.name}${code}: ${error.message}${cause}`;
}
