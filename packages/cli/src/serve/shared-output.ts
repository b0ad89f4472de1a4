// The stdout and stderr of a server that a client has started. Owns that they stay as the client knows them.

interface Blockable {
  readonly _handle?: { setBlocking?(blocking: boolean): void } | undefined;
}

/**
 * Node.js makes pipes non-blocking for whoever shares them; a client that writes the disk to its stdout would fail
 * (`nbdcopy -- [ qcow serve disk.qcow2 ] - | …`). To be called before the first client is served.
 */
export function shareOutput(): void {
  for (const stream of [process.stdout, process.stderr]) (stream as Blockable)._handle?.setBlocking?.(true);
}
