// A disk like a block device: it keeps its length, and is full of old bytes.

import { MemoryBackend } from "@qcow/backend-memory";
import { BackendError, ForwardingBackend } from "@qcow/block";

export const OLD_BYTE = 0xdb;

/** Cannot be resized, and has neither holes nor reservations to offer. */
export class FixedBackend extends ForwardingBackend {
  readonly memory: MemoryBackend;

  /** Of so many bytes, or with what is in a memory disk. */
  constructor(content: number | MemoryBackend) {
    const memory =
      typeof content === "number"
        ? MemoryBackend.fromBytes(new Uint8Array(content).fill(OLD_BYTE), { label: "device" })
        : content;
    super(memory);
    this.memory = memory;
    Reflect.deleteProperty(this, "discard");
    Reflect.deleteProperty(this, "allocate");
  }

  override async resize(): Promise<void> {
    throw new BackendError("BACKEND_UNSUPPORTED", "cannot resize a device", { label: this.label });
  }
}
