// Which metadata contexts a client's queries mean. Owns the wildcards of listing, which choosing does not have.

/** The contexts of `available` that match: all of them without a query. */
export function listedContexts(available: readonly string[], queries: readonly string[]): string[] {
  if (queries.length === 0) return [...available];
  return available.filter((context) =>
    queries.some((query) => query === context || (query.endsWith(":") && context.startsWith(query))),
  );
}

/** The contexts of `available` that are named. */
export function chosenContexts(available: readonly string[], queries: readonly string[]): string[] {
  return available.filter((context) => queries.includes(context));
}
