// The page's elements and what is put into them. Owns the document; text goes in as text, never as HTML.

import type { Fact } from "./facts.js";
import type { Inspection } from "./inspection.js";
import type { MapRows } from "./map-rows.js";
import { countText } from "./numbers.js";

export function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no such element: ${id}`);
}

function setText(id: string, text: string): void {
  element(id, HTMLElement).textContent = text;
}

export function showStatus(text: string): void {
  setText("status", text);
}

export function showProblem(text: string): void {
  setText("problem", text);
}

export function showCosts(text: string): void {
  setText("costs", text);
}

export function showBytes(text: string): void {
  setText("bytes", text);
}

export function showCheck(text: string): void {
  setText("check-report", text);
}

/** Empties the page for the next image. */
export function hideResult(): void {
  element("result", HTMLElement).hidden = true;
  for (const id of ["problem", "costs", "bytes", "check-report"]) setText(id, "");
}

export function showResult({ facts, map, isEncrypted }: Inspection): void {
  const notice = element("notice", HTMLElement);
  notice.hidden = !isEncrypted;
  notice.textContent = isEncrypted
    ? "The contents are encrypted: which parts of the disk have any can be shown, what they are cannot."
    : "";
  element("info", HTMLElement).replaceChildren(...facts.flatMap(factElements));
  showMap(map);
  element("result", HTMLElement).hidden = false;
}

function factElements([name, value]: Fact): HTMLElement[] {
  return [textElement("dt", name), textElement("dd", value)];
}

function showMap({ rows, isCut }: MapRows): void {
  const count = countText(rows.length);
  setText("map-caption", isCut ? `The first ${count} parts of the disk` : `All ${count} parts of the disk`);
  const lines = rows.map((cells) => {
    const line = document.createElement("tr");
    line.append(...cells.map((text) => textElement("td", text)));
    return line;
  });
  element("map", HTMLElement).replaceChildren(...lines);
}

function textElement(kind: string, text: string): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}
