// Executes a plan: one image, from life to life, with crashes judged on the way. Owns the order of things; performing
// operations is the guest's business, judging is judge-files'.

import {
  compactImage,
  defaultImageConfig,
  type ImageConfig,
  isEngineError,
  type OpenImageOptions,
  Qcow2Image,
} from "@qcow/engine";
import { decodeHeader, isDirty } from "@qcow/format";
import type { Files } from "../disk/files.js";
import { Machine } from "../disk/machine.js";
import { startImage } from "../image/start-image.js";
import { DiskModel } from "../model/disk-model.js";
import type { Mutation } from "../mutation.js";
import type { Operation } from "../plan/operation.js";
import type { RunPlan } from "../plan/run-plan.js";
import { Random } from "../random.js";
import { describeError, require, Violation } from "../violation.js";
import { CrashQuota } from "./crash-quota.js";
import { Driver } from "./driver.js";
import { Guest } from "./guest.js";
import { judgeCompact } from "./judge-compact.js";
import { judgeClosed, judgeCrash, type KeptSnapshot } from "./judge-files.js";
import { judgeUsed } from "./judge-used.js";

export interface RunResult {
  /** Crash points that were judged. */
  readonly crashes: number;
  /** Guest operations that were called. */
  readonly operations: number;
}

/** Rejects with a `Violation` when a promise is broken. */
export async function executeRun(
  plan: RunPlan,
  mutation?: Mutation,
  trace: (line: string) => void = () => undefined,
): Promise<RunResult> {
  const random = new Random(plan.chanceSeed);
  const start = await startImage(plan.shape, random.fork());
  const model = new DiskModel(start.contents, plan.shape.sizeMax + 512);
  await judgeClosed(start.files, (found) => model.judgeCrash(found), start.snapshots, false);
  const run = new Run(plan, start.files, model, start.snapshots, random, { mutation, trace });
  return await run.execute();
}

/** Long enough for what was given up to be free, and for moves to end. */
const REST_SECONDS = 300;
/** Clusters by which a file may be longer after its clusters were put in order: refcount blocks, and a table of them. */
const GROWTH_CLUSTERS_MAX = 8;
/** Operations of the run itself; the others are the guest's. */
const RUN_OPERATIONS: ReadonlySet<string> = new Set(["fault", "power-loss", "reopen", "compact", "rest"]);

/** What a run has beside its plan. */
interface Extras {
  readonly mutation: Mutation | undefined;
  /** Told what happens, line by line. */
  readonly trace: (line: string) => void;
}

class Run {
  readonly #plan: RunPlan;
  readonly #snapshots: readonly KeptSnapshot[];
  readonly #mutation: Mutation | undefined;
  readonly #trace: (line: string) => void;
  readonly #random: Random;
  readonly #quota: CrashQuota;
  #model: DiskModel;
  #machine: Machine;
  #driver: Driver;
  #guest: Guest | undefined;
  #image: Qcow2Image | undefined;
  /** Clusters may be lost until a repair: there was a crash, or a fault. */
  #leaksAllowed = false;
  #operations = 0;
  /** What the engine said went wrong in the background. */
  #diagnostic: string | undefined;

  constructor(
    plan: RunPlan,
    files: Files,
    model: DiskModel,
    snapshots: readonly KeptSnapshot[],
    random: Random,
    { mutation, trace }: Extras,
  ) {
    this.#trace = trace;
    this.#plan = plan;
    this.#model = model;
    this.#snapshots = snapshots;
    this.#random = random;
    this.#mutation = mutation;
    this.#quota = new CrashQuota(plan.crashes, plan.operations.length);
    this.#machine = new Machine(files, mutation);
    this.#driver = this.#newDriver();
  }

  async execute(): Promise<RunResult> {
    const { operations } = this.#plan;
    await this.#open();
    // Once through the plan, and on for as long as crashes are owed.
    for (let index = 0; index < operations.length || this.#quota.left > 0; index++)
      await this.#perform(operations[index % operations.length] as Operation);
    const used = await this.#usedAtRest();
    await this.#close();
    if (used !== undefined) await judgeUsed(this.#machine.files(), used);
    return { crashes: this.#quota.taken, operations: this.#operations };
  }

  /** Bytes in use, as the recycler has counted them; undefined where nothing is recycled, or leaks count as well. */
  async #usedAtRest(): Promise<number | undefined> {
    const guest = this.#living();
    await this.#driver.until(() => guest.underWay === 0, "a guest operation");
    if (this.#leaksAllowed || this.#machine.faultsFired > 0 || guest.isPoisoned) return undefined;
    await this.#driver.rest(REST_SECONDS);
    return this.#image?.recycling?.used;
  }

  async #perform(operation: Operation): Promise<void> {
    const guest = this.#living();
    this.#quota.operation();
    await this.#driver.until(() => guest.admits(operation), "a guest operation");
    guest.requireInnocent();
    if (guest.isPoisoned) await this.#reviveAfterFailure();
    if (guest.underWay === 0 && this.#machine.held.count === 0) guest.settleFaults();
    if (RUN_OPERATIONS.has(operation.kind)) this.#trace(JSON.stringify(operation));
    switch (operation.kind) {
      case "fault":
        return this.#machine.arm(operation);
      case "power-loss":
        return await this.#losePower(operation.completions);
      case "rest":
        return await this.#driver.rest(operation.seconds);
      case "reopen":
        await this.#close();
        return await this.#open();
      case "compact":
        await this.#close();
        await this.#compact(operation.defragment);
        return await this.#open();
      case "resize":
        if (!this.#canResize()) return;
    }
    this.#operations++;
    this.#living().call(operation);
    await this.#driver.steps(this.#random.below(3));
  }

  /** Version 2 does not record the size of a snapshot's disk, so there it stays what it is. */
  #canResize(): boolean {
    return this.#plan.shape.version === 3 || this.#snapshots.length === 0;
  }

  async #open(): Promise<void> {
    const { clusterBits, holes, refcounts, cacheBytes } = this.#plan.shape;
    if (isDirty(decodeHeader(this.#machine.files().image.toBytes(0, 512)))) this.#leaksAllowed = false;
    const options = {
      ...this.#machine.openOptions,
      refcounts,
      metadataCacheBytes: cacheBytes,
      punchHoles: holes,
      reuseFreedAtOnce: this.#mutation === "reuse-at-once",
      breakMoves: brokenMoves(this.#mutation),
      time: this.#machine.clock,
      config: this.#config(),
      observer: { diagnostic: this.#onDiagnostic },
    };
    const { faultsFired } = this.#machine;
    try {
      this.#image = await this.#driver.settle(Qcow2Image.open(this.#machine.image, options), "opening");
    } catch (error) {
      if (error instanceof Violation) throw error;
      const excused = this.#machine.faultsFired > faultsFired;
      require(excused, () => `opening rejected: ${describeError(error)}`);
      // A repair may have been cut short.
      this.#leaksAllowed = true;
      this.#machine.heal();
      return await this.#open();
    }
    if (this.#machine.faultsFired > faultsFired) this.#leaksAllowed = true;
    this.#guest = new Guest(this.#image, this.#model, this.#machine, 2 ** clusterBits, this.#trace);
    require(this.#image.virtualSize === this.#model.size, () => {
      return `the disk has ${this.#image?.virtualSize} bytes after opening, and had ${this.#model.size}`;
    });
  }

  #config(): ImageConfig | undefined {
    const { recycling, clusterBits } = this.#plan.shape;
    if (recycling === undefined) return undefined;
    return {
      ...defaultImageConfig(),
      id: "image",
      discard: true,
      keepErasedBytes: recycling.keepErased * 2 ** clusterBits,
      compactAfterBytes: recycling.compactAfter * 2 ** clusterBits,
      checkOnConnect: false,
      runtimeAsserts: true,
    };
  }

  /** What the engine itself calls a bug is one. */
  readonly #onDiagnostic = ({ message, cause }: { message: string; cause?: unknown }): void => {
    this.#trace(message);
    if (isEngineError(cause, "QCOW2_BROKEN_INVARIANT")) this.#diagnostic ??= message;
    else if (
      !(cause instanceof Error && /fault|flush|closed/iu.test(cause.message)) &&
      this.#machine.faultsFired === 0
    )
      this.#diagnostic ??= message;
  };

  /** Waits for everything, closes, and judges what is there. */
  async #close(): Promise<void> {
    const guest = this.#living();
    await this.#driver.until(() => guest.underWay === 0, "a guest operation");
    guest.requireInnocent();
    require(this.#diagnostic === undefined, () => this.#diagnostic ?? "");
    const image = this.#image as Qcow2Image;
    const { faultsFired } = this.#machine;
    const called = this.#model.beginFlush();
    try {
      await this.#driver.settle(image.close(), "closing");
    } catch (error) {
      if (error instanceof Violation) throw error;
      const inBackground = isEngineError(error, "QCOW2_FLUSH_FAILED") && guest.sawFaults;
      const excused = guest.isPoisoned || inBackground || this.#machine.faultsFired > faultsFired;
      require(excused, () => `closing rejected: ${describeError(error)}`);
      return await this.#restart();
    }
    await this.#driver.settle(this.#machine.settleFlushes(), "a flush");
    if (guest.hasDone) this.#model.endFlush(called);
    if (this.#machine.faultsFired > 0) this.#leaksAllowed = true;
    const judge = (found: Uint8Array) => this.#judgeCurrent(found);
    await judgeClosed(this.#machine.files(), judge, this.#snapshots, this.#leaksAllowed);
  }

  /** Compacts the image, which is closed, and judges what is there. */
  async #compact(defragment: boolean): Promise<void> {
    const { faultsFired } = this.#machine;
    const { compression } = this.#machine.openOptions;
    try {
      const done = compactImage(this.#machine.image, { compression, defragment });
      const { sizeBefore, sizeAfter } = await this.#driver.settle(done, "compacting");
      // Clusters that count what lay behind the end for a while may stay.
      const longer = defragment ? GROWTH_CLUSTERS_MAX * 2 ** this.#plan.shape.clusterBits : 0;
      require(sizeAfter <= sizeBefore + longer, () => `compacting made ${sizeAfter} bytes of ${sizeBefore}`);
    } catch (error) {
      if (error instanceof Violation) throw error;
      const excused = this.#machine.faultsFired > faultsFired;
      require(excused, () => `compacting rejected: ${describeError(error)}`);
      return await this.#restart();
    }
    await this.#driver.settle(this.#machine.settleFlushes(), "a flush");
    const hasFailed = this.#machine.faultsFired > faultsFired;
    if (hasFailed) this.#leaksAllowed = true;
    const files = this.#machine.files();
    await judgeClosed(files, (found) => this.#judgeCurrent(found), this.#snapshots, hasFailed);
    if (!hasFailed) await judgeCompact(files);
  }

  #judgeCurrent(found: Uint8Array): string | undefined {
    if (found.length !== this.#model.size)
      return `the disk has ${found.length} bytes, and must have ${this.#model.size}`;
    return this.#model.endRead(this.#model.beginRead(0, found.length), found);
  }

  /** A flush has failed: reading still works, then the image is closed and opened anew. */
  async #reviveAfterFailure(): Promise<void> {
    const guest = this.#living();
    await this.#driver.until(() => guest.underWay === 0, "a guest operation");
    this.#machine.heal();
    const found = new Uint8Array(this.#model.size);
    await this.#driver.settle((this.#image as Qcow2Image).read(0, found), "reading after a failed flush");
    const problem = this.#judgeCurrent(found);
    require(problem === undefined, () => `after a failed flush: ${problem}`);
    await this.#close();
    await this.#open();
  }

  /** The image was closed without success; the disks are as they were. */
  async #restart(): Promise<void> {
    this.#machine.heal();
    const judge = (found: Uint8Array) => this.#model.judgeCrash(found);
    const remains = await judgeCrash(this.#machine.files(), judge, this.#snapshots, this.#random.fork());
    this.#leaksAllowed = true;
    this.#model.restart(remains.contents);
  }

  /** What is under way stays so for ever; the run goes on with the disks as they are found. */
  async #losePower(completions: number): Promise<void> {
    await this.#driver.steps(completions);
    const files = this.#machine.crash(this.#random.bits);
    const judge = (found: Uint8Array) => this.#model.judgeCrash(found);
    const { contents } = await judgeCrash(files, judge, this.#snapshots, this.#random.fork());
    this.#leaksAllowed = true;
    this.#machine = new Machine(files, this.#mutation);
    this.#driver = this.#newDriver();
    this.#model = new DiskModel(contents, this.#plan.shape.sizeMax + 512);
    await this.#open();
  }

  #newDriver(): Driver {
    return new Driver(this.#machine, this.#random.fork(), () => this.#crashNowAndThen());
  }

  /** A crash that the run itself does not notice. */
  async #crashNowAndThen(): Promise<void> {
    for (let count = this.#quota.draw(this.#random); count > 0; count--) {
      this.#trace(`crash ${this.#quota.taken - count + 1}`);
      const files = this.#machine.crash(this.#random.bits);
      const judge = (found: Uint8Array) => this.#model.judgeCrash(found);
      await judgeCrash(files, judge, this.#snapshots, this.#random.fork());
    }
  }

  #living(): Guest {
    return this.#guest as Guest;
  }
}

function brokenMoves(mutation: Mutation | undefined): OpenImageOptions["breakMoves"] {
  return mutation === "source-before-pointer" || mutation === "cut-before-flush" ? mutation : undefined;
}
