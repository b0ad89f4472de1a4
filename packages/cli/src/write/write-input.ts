// What `qcow write` writes: a text, a file, or stdin. Owns where the bytes come from, and how many they are where that is
// known.

import { longBuffer, type ReadableBlockBackend } from "@qcow/block";
import { openRawInput, openStandardInput } from "@qcow/cli-kit";
import { PIECE_BYTES } from "./sector-pieces.js";

export interface WriteInput {
  readonly source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** In bytes, where it is known before the end. */
  readonly length: number | undefined;
  close(): Promise<void>;
}

/** The UTF-8 bytes of `text`. */
export function textInput(text: string): WriteInput {
  const bytes = new TextEncoder().encode(text);
  return { source: [bytes], length: bytes.byteLength, close: async () => undefined };
}

/** Whatever comes on stdin. */
export async function stdinInput(signal: AbortSignal): Promise<WriteInput> {
  const { source, close } = await openStandardInput("what is to be written", signal);
  return { source, length: undefined, close: async () => close() };
}

/** The bytes of a file or block device, which must be none of those with the identities `outputs`. */
export async function fileInput(
  path: string,
  outputs: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<
  WriteInput & { readonly source: AsyncIterable<Uint8Array>; readonly identity: string | undefined }
> {
  const backend = await openRawInput(path, outputs, { signal });
  const length = await backend.size({ signal });
  const { identity } = backend;
  return { source: pieces(backend, length, signal), length, identity, close: () => backend.close() };
}

async function* pieces(
  backend: ReadableBlockBackend,
  length: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const buffer = longBuffer(Math.min(PIECE_BYTES, length));
  for (let at = 0; at < length; at += buffer.byteLength) {
    const bytes = buffer.subarray(0, Math.min(buffer.byteLength, length - at));
    await backend.read(at, bytes, { signal });
    yield bytes;
  }
}
