// The table of internal snapshots, as `qemu-img info` and `qemu-img snapshot -l` print it. Owns columns
// and the forms of times.

import { humanSize } from "@qcow/cli-kit";
import { printable } from "@qcow/format";
import type { SnapshotInfo } from "./image-info.js";

const HEADING = row(["ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT"]);

/** The heading and one line for each snapshot. Dates are in the local time zone. */
export function snapshotList(snapshots: readonly SnapshotInfo[]): string[] {
  return [HEADING, ...snapshots.map(snapshotRow)];
}

function snapshotRow(snapshot: SnapshotInfo): string {
  return row([
    printable(snapshot.id),
    printable(snapshot.name),
    humanSize(Number(snapshot["vm-state-size"])),
    localDate(snapshot["date-sec"]),
    clock(snapshot["vm-clock-sec"], snapshot["vm-clock-nsec"]),
    snapshot.icount === undefined ? "" : String(snapshot.icount),
  ]);
}

function row([
  id = "",
  tag = "",
  size = "",
  date = "",
  vmClock = "",
  icount = "",
]: readonly string[]): string {
  const left = `${id.padEnd(9)} ${tag.padEnd(16)} ${size.padStart(8)}`;
  return `${left} ${date.padStart(19)} ${vmClock.padStart(12)} ${icount.padStart(10)}`;
}

/** Seconds since 1970 as `2026-11-22 12:00:00`. */
function localDate(seconds: number): string {
  const date = new Date(seconds * 1000);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())].join(":")}`;
}

/** A run time as `hh:mm:ss.mmm`. */
function clock(seconds: bigint, nanoseconds: bigint): string {
  const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map(two);
  return `${parts.join(":")}.${String(nanoseconds / 1_000_000n).padStart(3, "0")}`;
}

function two(value: number | bigint): string {
  return String(value).padStart(2, "0");
}
