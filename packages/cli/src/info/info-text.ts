// `info` for people, close to the text of `qemu-img info`. Owns the layout; every name that comes from an
// image passes through `printable`.

import { humanSize } from "@qcow/cli-kit";
import { printable } from "@qcow/format";
import type { ImageInfo } from "./image-info.js";
import { snapshotList } from "./snapshot-list.js";

/** The lines about one image. */
export function infoText(info: ImageInfo): string {
  const lines = [
    `image: ${printable(info.filename)}`,
    `file format: ${info.format}`,
    `virtual size: ${humanSize(info["virtual-size"])} (${info["virtual-size"]} bytes)`,
    `disk size: ${info["actual-size"] === undefined ? "unavailable" : humanSize(info["actual-size"])}`,
  ];
  if (info.encrypted) lines.push("encrypted: yes");
  if (info["cluster-size"] !== undefined) lines.push(`cluster_size: ${info["cluster-size"]}`);
  if (info["dirty-flag"]) lines.push("cleanly shut down: no");
  lines.push(...backingLines(info));
  if (info.snapshots !== undefined) lines.push("Snapshot list:", ...snapshotList(info.snapshots));
  const details = info["format-specific"];
  if (details !== undefined) lines.push("Format specific information:", ...outline(details.data, 1));
  return lines.join("\n");
}

function backingLines(info: ImageInfo): string[] {
  const name = info["backing-filename"];
  if (name === undefined) return [];
  const full = info["full-backing-filename"] ?? name;
  const path = full === name ? "" : ` (actual path: ${printable(full)})`;
  const format = info["backing-filename-format"];
  const lines = [`backing file: ${printable(name)}${path}`];
  if (format !== undefined) lines.push(`backing file format: ${printable(format)}`);
  return lines;
}

/** Members and elements, one a line, four columns deeper for each level; dashes of keys become blanks. */
function outline(value: object, depth: number): string[] {
  const indent = "    ".repeat(depth);
  return Object.entries(value).flatMap(([key, member]: [string, unknown]) => {
    const name = Array.isArray(value) ? `[${key}]` : key.replaceAll("-", " ");
    if (typeof member === "object" && member !== null) {
      return [`${indent}${name}:`, ...outline(member, depth + 1)];
    }
    return [`${indent}${name}: ${printable(String(member))}`];
  });
}
