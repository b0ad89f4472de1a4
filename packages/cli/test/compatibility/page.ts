// The document that a table makes. Owns the layout.

import type { Row, Section } from "./row.js";

export interface Page {
  readonly title: string;
  readonly introduction: string;
  readonly sections: readonly Section[];
}

/** `page` in Markdown. */
export function pageText({ title, introduction, sections }: Page): string {
  const parts = sections.flatMap(({ title: heading, text, rows }) => [
    `## ${heading}`,
    ...(text === undefined ? [] : [text]),
    ["| You write | You get |", "|---|---|", ...rows.map(rowText)].join("\n"),
  ]);
  return `${[`# ${title}`, introduction, ...parts].join("\n\n")}\n`;
}

function rowText({ line, does, differs }: Row): string {
  const cells = [`\`${line}\``, differs === undefined ? does : `${does} **Differs:** ${differs}`];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}
