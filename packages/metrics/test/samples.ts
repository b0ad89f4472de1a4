// Reads the text format of Prometheus in tests: samples by name and labels.

export function samplesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

/** The families, in order: `name type`. */
export function familiesOf(text: string): string[] {
  return [...text.matchAll(/^# TYPE (.*)$/gm)].map(([, family]) => family as string);
}
