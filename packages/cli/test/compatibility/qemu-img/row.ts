// One line of a table of what users of qemu-img write, and what does the same here.

export interface QemuRow {
  /** The line, for bash, as users of qemu-img write it. */
  readonly theirs: string;
  /** What to write instead. */
  readonly here: string;
  /** What happens; Markdown. */
  readonly does: string;
  /** Why it is not what qemu-img does; Markdown. Absent where it is the same. */
  readonly differs?: string;
  /** What of stdout is the same: all of it, the document in it, or each of their lines. */
  readonly same?: "text" | "document" | "lines";
  /** What it ends with, as theirs does; 0 by default. */
  readonly exit?: number;
  /** A line for bash that must succeed afterwards; what theirs has made is in the folder $THEIRS. */
  readonly proof?: string;
}

/** A command of qemu-img that is not here. */
export interface AbsentRow {
  readonly name: string;
  /** What to do instead; Markdown. */
  readonly instead: string;
  /** What must be in the answer to `qcow NAME`. */
  readonly answer: RegExp;
}

export interface QemuSection {
  readonly title: string;
  readonly text?: string;
  readonly rows: readonly QemuRow[];
}
