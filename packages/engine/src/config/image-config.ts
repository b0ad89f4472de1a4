// How an image is to behave while it is in use, and the text form of that, which qcow-tool has too. Owns keys, defaults and
// the parsing. Lengths in the text are sectors of 512 bytes.

import { EngineError } from "../engine-error.js";

export interface ImageConfig {
  /** Names the image in metrics. */
  readonly id: string;
  /** Whether the guest may discard; refcounts are lazy then, where the version allows it. */
  readonly discard: boolean;
  /** Bytes of erased clusters to be kept for those who write next; 0 for none. */
  readonly keepErasedBytes: number;
  /** Compaction begins when more bytes than this are free within the file; 0 for never. */
  readonly compactAfterBytes: number;
  /** Whether the image is checked when it is opened, and refused when it is damaged. */
  readonly checkOnConnect: boolean;
  /** Whether the states of clusters are verified after each change; slow. */
  readonly runtimeAsserts: boolean;
  /** Nothing is written. */
  readonly readOnly: boolean;
}

const SECTOR_BYTES = 512;

let unnamed = 0;

/** What holds where nothing is said. Each call names another image: `unknown_0`, `unknown_1`, … */
export function defaultImageConfig(): ImageConfig {
  return {
    id: `unknown_${unnamed++}`,
    discard: false,
    keepErasedBytes: 0,
    compactAfterBytes: 0,
    checkOnConnect: true,
    runtimeAsserts: false,
    readOnly: false,
  };
}

const KEYS = {
  id: (text: string) => ({ id: text }),
  discard: (text: string) => ({ discard: parseBoolean(text) }),
  keep_erased: (text: string) => ({ keepErasedBytes: parseSectors(text) }),
  compact_after_unmaps: (text: string) => ({ compactAfterBytes: parseSectors(text) }),
  check_on_connect: (text: string) => ({ checkOnConnect: parseBoolean(text) }),
  runtime_asserts: (text: string) => ({ runtimeAsserts: parseBoolean(text) }),
  read_only: (text: string) => ({ readOnly: parseBoolean(text) }),
} as const;

/**
 * The configuration that `text` describes: `key=value` items, separated by `;`, for instance
 * `id=disk;discard=true;keep_erased=2048;compact_after_unmaps=8192`. What it does not name has its default. Items without
 * `=` say nothing; keys may have any case. The form that qcow-tool prints, without the separator after `keep_erased`, is
 * understood. Throws `QCOW2_BAD_OPTION`.
 */
export function parseImageConfig(text: string): ImageConfig {
  // qcow-tool prints `keep_erased=2048compact_after_unmaps=…`.
  const separated = text.replace(/(keep_erased=\d+)(?=compact_after_unmaps=)/iu, "$1;");
  let config = defaultImageConfig();
  for (const item of separated.split(";")) {
    const equals = item.indexOf("=");
    if (equals < 0) continue;
    const key = item.slice(0, equals).trim().toLowerCase();
    if (!Object.hasOwn(KEYS, key)) {
      throw badConfig(`unknown key ${key}; there are: ${Object.keys(KEYS).join(", ")}`);
    }
    config = { ...config, ...KEYS[key as keyof typeof KEYS](item.slice(equals + 1)) };
  }
  return config;
}

/** The text of `config`, which parses back to it. Lengths are rounded down to sectors. */
export function formatImageConfig(config: ImageConfig): string {
  return [
    `id=${config.id}`,
    `discard=${config.discard}`,
    `keep_erased=${Math.floor(config.keepErasedBytes / SECTOR_BYTES)}`,
    `compact_after_unmaps=${Math.floor(config.compactAfterBytes / SECTOR_BYTES)}`,
    `check_on_connect=${config.checkOnConnect}`,
    `runtime_asserts=${config.runtimeAsserts}`,
    `read_only=${config.readOnly}`,
  ].join(";");
}

function parseBoolean(text: string): boolean {
  if (text === "true") return true;
  if (text === "false") return false;
  throw badConfig(`${text} is neither true nor false`);
}

function parseSectors(text: string): number {
  const bytes = Number(text) * SECTOR_BYTES;
  if (/^\d+$/u.test(text) && Number.isSafeInteger(bytes)) return bytes;
  throw badConfig(`${text} is no number of sectors`);
}

function badConfig(problem: string): EngineError {
  return new EngineError("QCOW2_BAD_OPTION", `bad configuration: ${problem}`);
}
