// What a client sends in one fuzzed session: a sensible conversation, with some faults in its bytes. Owns the choice;
// how the server takes it is fuzz-session's.

import {
  encodeClientFlags,
  encodeOptionHead,
  encodeOptionRequest,
  encodeRequest,
  type OptionRequest,
} from "../../src/protocol/index.js";
import type { Random } from "./random.js";

const NAMES = ["disk", "", "disk", "none", "\u{1f4be}"];
const QUERIES = ["base:allocation", "base:", "x-test:odd", "x-test:", "qemu:dirty-bitmap:b", "nonsense"];
const LENGTHS = [0, 1, 511, 512, 4096, 65_536, 100_000, 1_048_576, 2 ** 31, 2 ** 32 - 1];
const OFFSETS = [
  0n,
  1n,
  512n,
  524_288n,
  1_048_575n,
  1_048_576n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
/** Values that fields break at. */
const WORDS = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff, 0x0100_0000];
const FAULTS = ["none", "none", "bit", "word", "cut", "drop", "double", "insert"] as const;

export function makeSession(random: Random): Uint8Array {
  const bytes = Buffer.concat(conversation(random));
  let faulty: Uint8Array = bytes;
  for (let count = random.below(3); count > 0; count--) faulty = withFault(faulty, random);
  return faulty;
}

function conversation(random: Random): Uint8Array[] {
  const parts = [encodeClientFlags({ fixedNewstyle: random.chance(0.95), noZeroes: random.chance(0.5) })];
  const style = random.pick(["simple", "structured", "extended"] as const);
  if (style !== "simple") {
    parts.push(...option({ kind: style === "structured" ? "structuredReply" : "extendedHeaders" }));
  }
  for (let count = random.below(4); count > 0; count--) parts.push(...option(anyOption(random)));
  if (random.chance(0.1)) parts.push(...option({ kind: "exportName", name: "disk" }));
  else if (random.chance(0.95)) parts.push(...option({ kind: "go", name: "disk", wanted: [3] }));
  for (let count = random.below(12); count > 0; count--)
    parts.push(...anyRequest(random, style === "extended"));
  if (random.chance(0.5)) parts.push(encodeRequest(head(2, 0, 0n, 0n), style === "extended"));
  return parts;
}

function option(request: OptionRequest): Uint8Array[] {
  const { code, data } = encodeOptionRequest(request);
  return [encodeOptionHead({ code, length: data.byteLength }), data];
}

function anyOption(random: Random): OptionRequest {
  const name = random.pick(NAMES);
  const queries = Array.from({ length: random.below(4) }, () => random.pick(QUERIES));
  return random.pick<OptionRequest>([
    { kind: "list" },
    { kind: "info", name, wanted: [0, 1, 2, 3].slice(random.below(4)) },
    { kind: "listMetaContext", name, queries },
    { kind: "setMetaContext", name: "disk", queries },
    { kind: "setMetaContext", name, queries },
    { kind: "startTls" },
    { kind: "structuredReply" },
    { kind: "abort" },
    { kind: "unknown", code: random.bits() },
  ]);
}

function anyRequest(random: Random, extended: boolean): Uint8Array[] {
  const command = random.pick([0, 0, 0, 1, 1, 3, 4, 5, 6, 7, 7, 8, 0xffff]);
  const sensible = random.chance(0.7);
  const offset = sensible ? BigInt(random.below(900_000)) : random.pick(OFFSETS);
  const flags = random.chance(0.7) ? 0 : random.below(64);
  let length = sensible ? random.below(100_000) : random.pick(LENGTHS);
  const payloadFlag = extended && (command === 1 || (command === 7 && random.chance(0.3)));
  const hasPayload = extended ? payloadFlag || (flags & 32) !== 0 : command === 1;
  if (!hasPayload) return [encodeRequest(head(command, flags, offset, BigInt(length)), extended)];
  // Most payloads are there; the others leave the server waiting in the midst of one.
  length = Math.min(length, 200_000);
  const there = random.chance(0.9) ? length : random.below(length + 1);
  const request = head(command, payloadFlag ? flags | 32 : flags, offset, BigInt(length));
  return [encodeRequest(request, extended), new Uint8Array(there).fill(random.below(256))];
}

function head(command: number, flags: number, offset: bigint, length: bigint) {
  return { command, flags, cookie: offset ^ length, offset, length };
}

function withFault(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.byteLength + 1);
  const end = Math.min(bytes.byteLength, at + 1 + random.below(40));
  switch (random.pick(FAULTS)) {
    case "bit": {
      const changed = Uint8Array.from(bytes);
      if (at < changed.length) changed[at] = (changed[at] as number) ^ (1 << random.below(8));
      return changed;
    }
    case "word": {
      const changed = Buffer.from(bytes);
      if (at + 4 <= changed.length) changed.writeUInt32BE(random.pick(WORDS), at);
      return changed;
    }
    case "cut":
      return bytes.subarray(0, at);
    case "drop":
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case "double":
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case "insert":
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(40)), bytes.subarray(at)]);
    default:
      return bytes;
  }
}
