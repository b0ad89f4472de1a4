// One line of a table of what users of another program write, and what they get here.

export interface Row {
  /** The line, for bash, as users of the other program write it. */
  readonly line: string;
  /** What happens, for the document; Markdown. */
  readonly does: string;
  /** Why it is not what the other program does; Markdown. Absent where it is the same. */
  readonly differs?: string;
  /** 0 by default. */
  readonly exit?: number;
  /** All of stdout, or a part of it; anything by default. */
  readonly stdout?: string | RegExp;
  readonly stderr?: string | RegExp;
  /** A line for bash that must succeed afterwards. */
  readonly proof?: string;
  /** Whether it needs the plugin for support files. */
  readonly needsPlugin?: boolean;
}

export interface Section {
  readonly title: string;
  /** Before the table; Markdown. */
  readonly text?: string;
  readonly rows: readonly Row[];
}
