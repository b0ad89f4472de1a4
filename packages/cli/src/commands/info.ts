// `qcow info`: what an image says about itself. Owns the flags and the choice of the form; the forms are
// in info/.

import { boolean, string } from "@oclif/core/flags";
import { CommandError, isQcowTool, openerFor, QcowCommand, REMOTE_FLAGS, shownName } from "@qcow/cli-kit";
import type { ImageMetadata } from "@qcow/engine";
import { READ_IMAGE } from "../image-argument.js";
import { allocatedSize } from "../info/allocated-size.js";
import { type ImageInfo, imageInfo, rawInfo } from "../info/image-info.js";
import { QEMU_READ_FLAGS } from "../qemu-img-flags.js";

/** What of a remote image is fetched: header, extensions and names hardly ever take more. */
const HEAD_BYTES = 64 * 1024;

export default class Info extends QcowCommand<typeof Info> {
  static override summary = "Show what an image says about itself.";
  static override description =
    "Reads the header and the tables of snapshots and bitmaps, never contents. Files that the image names are " +
    "opened only with --backing-chain. The JSON form has the keys and values of qemu-img; the sexp form is that " +
    "of qcow-tool (and what it prints when it is started by that name), and --filter picks a part of it: .size, .additional.[0].dirty, .extensions.[0].";
  static override examples = [
    "<%= config.bin %> info disk.qcow2",
    "<%= config.bin %> info disk.qcow2 --json",
    "<%= config.bin %> info overlay.qcow2 --backing-chain",
    "<%= config.bin %> info disk.qcow2 --filter .size",
    "<%= config.bin %> info https://images.example/disk.qcow2 --stats",
  ];
  static override args = { image: READ_IMAGE };
  static override flags = {
    output: string({
      options: ["human", "json", "sexp"],
      description: "The form of the output; human by default.",
    }),
    filter: string({
      helpValue: "PATH",
      description: "Print one part of the sexp form.",
      exclusive: ["backing-chain"],
    }),
    "backing-chain": boolean({ description: "Describe the backing files too." }),
    ...QEMU_READ_FLAGS,
    ...REMOTE_FLAGS,
  };

  async run(): Promise<ImageInfo | readonly ImageInfo[] | undefined> {
    const { filter } = this.flags;
    if (this.flags["backing-chain"]) return this.#chain();
    const metadata = await this.#metadata();
    if (filter !== undefined || this.#form() === "sexp") return this.#printSexp(metadata, filter);
    const { image } = this.args;
    const filename = shownName(image, metadata);
    const info = imageInfo(metadata, { filename, allocated: await allocatedSize(image) });
    if (!this.jsonEnabled()) await this.#printText([info]);
    return info;
  }

  #form(): string {
    const byDefault = this.jsonEnabled() ? "json" : isQcowTool() ? "sexp" : "human";
    return this.flags.output ?? byDefault;
  }

  async #metadata(): Promise<ImageMetadata> {
    const { readMetadata } = await import("@qcow/engine");
    const backend = await this.openSource(this.args.image, { headBytes: HEAD_BYTES });
    try {
      return await readMetadata(backend, { signal: this.signal });
    } finally {
      await backend.close();
    }
  }

  async #chain(): Promise<readonly ImageInfo[]> {
    if (this.flags.output === "sexp") throw new CommandError("CLI_USAGE", "--backing-chain has no sexp form");
    const { readChain } = await import("@qcow/engine");
    const { image } = this.args;
    const backend = await this.openSource(image);
    try {
      const openReference = openerFor(image, this.openOptions());
      const links = await readChain(backend, { openReference, signal: this.signal });
      const infos: ImageInfo[] = [];
      for (const link of links) {
        const facts = { filename: link.label, allocated: await allocatedSize(link.label) };
        infos.push(link.format === "raw" ? rawInfo(link.size, facts) : imageInfo(link.metadata, facts));
      }
      if (!this.jsonEnabled()) await this.#printText(infos);
      return infos;
    } finally {
      await backend.close();
    }
  }

  async #printText(infos: readonly ImageInfo[]): Promise<void> {
    const { infoText } = await import("../info/info-text.js");
    await this.print(infos.map(infoText).join("\n\n"));
  }

  async #printSexp(metadata: ImageMetadata, filter: string | undefined): Promise<undefined> {
    if (this.jsonEnabled())
      throw new CommandError("CLI_USAGE", "--filter and --output sexp have no JSON form");
    const { headerSexp } = await import("../info/header-sexp.js");
    const { layoutSexp } = await import("../info/sexp.js");
    const { followPath, parsePath } = await import("../info/sexp-path.js");
    await this.print(layoutSexp(followPath(headerSexp(metadata), parsePath(filter ?? "."))));
  }
}
