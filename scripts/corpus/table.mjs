// Owns the printed report: one line an image, totals, then a short account of each failure.
const NAME_WIDTH = 24;
const LINES_PER_FAILURE = 4;

/** The heading line of the table. */
export const heading = (columns) =>
  ["image".padEnd(NAME_WIDTH), ...columns.map((name) => name.padEnd(9))].join(" ").trimEnd();

/** One image as a line: ok, FAIL or - under each aspect. */
export function row(columns, { name, aspects }) {
  const cells = columns.map((column) => verdict(aspects[column]).padEnd(9));
  return [name.padEnd(NAME_WIDTH), ...cells].join(" ").trimEnd();
}

const verdict = (differences) => (differences === undefined ? "-" : differences.length === 0 ? "ok" : "FAIL");

/** The line `ok/applicable` per aspect. */
export function totals(columns, results) {
  const cells = columns.map((column) => {
    const applicable = results.filter((result) => result.aspects[column] !== undefined);
    const ok = applicable.filter((result) => result.aspects[column].length === 0);
    return `${ok.length}/${applicable.length}`.padEnd(9);
  });
  return ["total".padEnd(NAME_WIDTH), ...cells].join(" ").trimEnd();
}

/** The first differences of every failing aspect. */
export function failures(results) {
  return results.flatMap(({ name, aspects }) =>
    Object.entries(aspects)
      .filter(([, differences]) => differences?.length > 0)
      .flatMap(([aspect, differences]) => [
        `${name}: ${aspect}`,
        ...differences.slice(0, LINES_PER_FAILURE).map((line) => `    ${line}`),
        ...(differences.length > LINES_PER_FAILURE
          ? [`    … ${differences.length - LINES_PER_FAILURE} more`]
          : []),
      ]),
  );
}
