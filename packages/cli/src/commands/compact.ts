// `qcow compact`: makes the file of an image shorter. Owns the flags, and what surrounds the work: the look beforehand, the
// verification, what an interruption leaves. Moving clusters is the engine's.

import { boolean } from "@oclif/core/flags";
import type { BlockBackend } from "@qcow/block";
import { CommandError, hostCompression, QcowCommand, usingImage } from "@qcow/cli-kit";
import { isBlockDevice } from "../compact/block-device.js";
import { type CompactDocument, compactDocument } from "../compact/compact-document.js";
import { compactText } from "../compact/compact-text.js";
import { type DiskDigest, diskDigests, requireSameDisks } from "../compact/disk-digests.js";
import { Phases } from "../compact/phases.js";
import { UnwritableBackend } from "../compact/unwritable-backend.js";
import { IMAGE } from "../image-argument.js";

export default class Compact extends QcowCommand<typeof Compact> {
  static override summary = "Make the file of an image smaller, in place.";
  static override description =
    "Moves clusters from the end of the file into the holes before it, tables and snapshots included, and cuts off what is then " +
    "free; the disk reads as before. It needs at most 128 MiB of further space. Leaked clusters are freed first, and an image that was " +
    "not closed is repaired; a damaged one is refused. Nobody else may have the image open for writing. Interrupted or killed, the " +
    "image is sound, and what was moved stays moved. `discard` makes holes of zeros that are stored; it is worth running before.";
  static override examples = [
    "<%= config.bin %> compact disk.qcow2",
    "<%= config.bin %> compact disk.qcow2 --dry-run",
    "<%= config.bin %> discard disk.qcow2 && <%= config.bin %> compact disk.qcow2 --verify",
    "<%= config.bin %> compact disk.qcow2 --defragment",
    "<%= config.bin %> compact disk.qcow2 --progress --json",
  ];
  static override args = { image: IMAGE };
  static override flags = {
    "dry-run": boolean({
      description:
        "Only say what would be gained, and write nothing. While others write, that may be out of date.",
    }),
    defragment: boolean({
      description:
        "Also put the clusters of the disk in its order. Takes longer: each may be copied twice. Clusters that snapshots share, tables and compressed clusters stay where they are.",
    }),
    verify: boolean({
      description: "Read the disk and those of all snapshots before and after, and compare what was read.",
    }),
    "unsafe-buffering": boolean({
      description: "Do not wait for the disk: faster, but a power failure meanwhile may destroy the image.",
    }),
  };

  async run(): Promise<CompactDocument> {
    const { "dry-run": dryRun, verify } = this.flags;
    if (dryRun && verify) {
      const hint = "A dry run changes nothing that could be verified.";
      throw new CommandError("CLI_USAGE", "--dry-run and --verify cannot be mixed", { hint });
    }
    const document = await (dryRun ? this.#estimate() : this.#compact());
    if (!this.jsonEnabled()) await this.print(compactText(document));
    return document;
  }

  async #estimate(): Promise<CompactDocument> {
    const filename = this.args.image;
    const { onProgress } = await this.longOptions();
    const source = await this.openSource(filename, { lock: "shared" });
    return await usingImage(source, async () => {
      const report = await this.#look(new UnwritableBackend(source));
      onProgress?.({ done: 1, total: 1 });
      const imageEnd = isBlockDevice(filename) ? report.sizeAfter : undefined;
      return compactDocument(report, { filename, imageEnd });
    });
  }

  async #compact(): Promise<CompactDocument> {
    const filename = this.args.image;
    const { verify, "unsafe-buffering": unsafeBuffering } = this.flags;
    const { onProgress } = await this.longOptions();
    const phases = new Phases(onProgress, verify ? 3 : 1);
    return await usingImage(await this.openTarget(filename, { unsafeBuffering }), async (backend) => {
      // What cannot be compacted is refused before all of it is read.
      if (verify) await this.#look(backend);
      const before = verify ? await this.#digests(phases) : [];
      const report = await this.#move(backend, phases);
      const imageEnd = isBlockDevice(filename) ? (await this.#look(backend)).sizeAfter : undefined;
      if (!verify) return compactDocument(report, { filename, imageEnd });
      const after = await this.#orInterrupted(
        this.#digests(phases),
        "The image is compacted; whether it reads as before was not verified to the end.",
      );
      requireSameDisks(filename, before, after);
      return compactDocument(report, { filename, imageEnd, digests: after });
    });
  }

  async #look(backend: BlockBackend) {
    const { compactImage } = await import("@qcow/engine");
    const { defragment } = this.flags;
    return await compactImage(backend, { dryRun: true, defragment, signal: this.signal });
  }

  async #move(backend: BlockBackend, phases: Phases) {
    const { compactImage } = await import("@qcow/engine");
    const options = {
      signal: this.signal,
      defragment: this.flags.defragment,
      onProgress: phases.next(),
      compression: await hostCompression(),
    };
    return await this.#orInterrupted(
      compactImage(backend, options),
      "The image is sound; what was moved so far stays moved.",
    );
  }

  // The file is opened once more: the lock is ours, and readers of the contents are those of `sha`.
  #digests(phases: Phases): Promise<DiskDigest[]> {
    const options = { signal: this.signal, onProgress: phases.next() };
    return diskDigests((snapshot) => this.openImage(this.args.image, snapshot), options);
  }

  /** Lets the message of an interruption say what it left. */
  async #orInterrupted<R>(work: Promise<R>, hint: string): Promise<R> {
    try {
      return await work;
    } catch (error) {
      if (!this.signal.aborted || error !== this.signal.reason) throw error;
      throw new CommandError("CLI_INTERRUPTED", "interrupted", { hint, cause: error });
    }
  }
}
