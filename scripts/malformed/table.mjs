// Owns the printed report of the malformed images: one line a case, totals a kind, then the violations.

const WIDTHS = { name: 34, kind: 14, cell: 7 };

/** The heading line. */
export const heading = (commands) => columns("case", "kind", [...commands, "s", "MiB"], "verdict");

/** One case as a line: how each command ended, the longest run, the most memory. */
export function row(commands, { testCase, runs, violations }) {
  const all = commands.map((command) => runs[command]);
  const seconds = Math.max(...all.map((run) => run.seconds)).toFixed(1);
  const peaks = all.map((run) => run.peakRssBytes ?? 0);
  const mib = Math.ceil(Math.max(...peaks) / 2 ** 20);
  const cells = [...all.map(ending), seconds, `${mib}`];
  return columns(testCase.name, testCase.kind, cells, violations.length === 0 ? "ok" : "FAIL");
}

const ending = (run) => run.stopped ?? run.signal ?? `${run.exit}`;

const columns = (name, kind, cells, verdict) =>
  [
    name.padEnd(WIDTHS.name),
    kind.padEnd(WIDTHS.kind),
    ...cells.map((cell) => cell.padEnd(WIDTHS.cell)),
    verdict,
  ].join(" ");

/** `kind ok/cases` for each kind. */
export function totals(results) {
  const kinds = [...new Set(results.map((result) => result.testCase.kind))];
  return kinds.map((kind) => {
    const mine = results.filter((result) => result.testCase.kind === kind);
    const ok = mine.filter((result) => result.violations.length === 0);
    return `total ${kind.padEnd(WIDTHS.kind)} ${ok.length}/${mine.length}`;
  });
}

/** The violations of every case that has some. */
export const violations = (results) =>
  results
    .filter((result) => result.violations.length > 0)
    .flatMap(({ testCase, violations: lines }) => [
      `${testCase.name} (${testCase.kind}: ${testCase.mutation})`,
      ...lines.map((line) => `    ${line}`),
    ]);
