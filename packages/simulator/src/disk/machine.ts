// The disks under a running image: they hold every operation until the run ends it, may fail, and can lose power. Owns
// how the parts are put together; what happens when is the run's business.

import {
  CrashingBackend,
  FaultyBackend,
  ManualClock,
  type MemoryBackend,
  type RandomBits,
} from "@qcow/backend-memory";
import type { BlockBackend } from "@qcow/block";
import type { OpenImageOptions } from "@qcow/engine";
import type { Mutation } from "../mutation.js";
import type { PlannedFault } from "../plan/operation.js";
import { EdgelessBackend } from "./edgeless-backend.js";
import { type Files, writeOptions } from "./files.js";
import { HeldOperations } from "./held-operations.js";

interface Armed {
  readonly on: PlannedFault["on"];
  readonly nth: number;
}

/** One file: the disk that loses power, and what may fail on the way to it. */
class Disk {
  readonly crashing: CrashingBackend;
  readonly faulty: FaultyBackend;
  #armed: Armed[] = [];
  #fired = 0;

  constructor(contents: MemoryBackend, held: HeldOperations) {
    this.crashing = new CrashingBackend(contents, { hold: held.hold });
    this.faulty = new FaultyBackend(this.crashing);
  }

  arm({ on, after, effect }: PlannedFault): void {
    const nth = this.faulty.counts[on] + after;
    this.#armed.push({ on, nth });
    const what = effect === "short" ? { kind: effect, bytes: 512 } : { kind: effect };
    this.faulty.add({ operation: on, nth, effect: what });
  }

  /** How many faults have hit something. */
  get fired(): number {
    const { counts } = this.faulty;
    return this.#fired + this.#armed.filter(({ on, nth }) => counts[on] >= nth).length;
  }

  heal(): void {
    this.#fired = this.fired;
    this.#armed = [];
    this.faulty.heal();
  }
}

export class Machine {
  readonly held = new HeldOperations();
  readonly clock = new ManualClock();
  /** The image file, for the engine to open. */
  readonly image: BlockBackend;
  readonly #image: Disk;
  readonly #data: Disk | undefined;
  readonly #backing: MemoryBackend | undefined;
  readonly #edgeless: EdgelessBackend | undefined;

  constructor({ image, data, backing }: Files, mutation?: Mutation) {
    this.#image = new Disk(image, this.held);
    this.#data = data === undefined ? undefined : new Disk(data, this.held);
    this.#backing = backing;
    this.#edgeless = mutation === "no-edge-before-l2" ? new EdgelessBackend(this.#image.faulty) : undefined;
    this.image = this.#edgeless ?? this.#image.faulty;
  }

  /** Options to open the image with. */
  get openOptions(): OpenImageOptions {
    return writeOptions(this.#data?.faulty, this.#backing);
  }

  /** The files as a power loss may leave them now. */
  crash(bits: RandomBits): Files {
    return {
      image: this.#image.crashing.crash(bits),
      data: this.#data?.crashing.crash(bits),
      backing: this.#backing,
    };
  }

  /** The files as other programs see them now. */
  files(): Files {
    return {
      image: this.#image.crashing.snapshot(),
      data: this.#data?.crashing.snapshot(),
      backing: this.#backing,
    };
  }

  arm(fault: PlannedFault): void {
    const disk = fault.file === "data" ? this.#data : this.#image;
    disk?.arm(fault);
  }

  get faultsFired(): number {
    return this.#image.fired + (this.#data?.fired ?? 0);
  }

  /** Forgets the faults that have hit nothing. */
  heal(): void {
    this.#image.heal();
    this.#data?.heal();
  }

  /** Makes good for flushes that a mutation left out, before the guest is told that something is durable. */
  async settleFlushes(): Promise<void> {
    await this.#edgeless?.pay();
  }
}
