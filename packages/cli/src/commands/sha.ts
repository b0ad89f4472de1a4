// `qcow sha`: a digest of the guest's disk. Owns the command; the bytes come from the engine.

import { createHash, getHashes, type Hash } from "node:crypto";
import { string } from "@oclif/core/flags";
import { CommandError, QcowCommand, REMOTE_FLAGS, shownName } from "@qcow/cli-kit";
import { READ_IMAGE } from "../image-argument.js";
import { DEFAULT_ALGORITHM, guestDigest } from "../sha/guest-digest.js";
import { SNAPSHOT } from "../snapshot-flag.js";

export interface ShaResult {
  readonly filename: string;
  readonly algorithm: string;
  /** Lower-case hexadecimal. */
  readonly digest: string;
  /** Length of the disk in bytes. */
  readonly "virtual-size": number;
}

export default class Sha extends QcowCommand<typeof Sha> {
  static override summary = "Print a digest of the guest's disk.";
  static override description = "The digest is the one of the raw image that decode would write.";
  static override examples = [
    "<%= config.bin %> sha disk.qcow2",
    "<%= config.bin %> sha disk.qcow2 --algorithm sha256",
    "<%= config.bin %> sha disk.qcow2 --snapshot before-upgrade",
  ];
  static override args = { image: READ_IMAGE };
  static override flags = {
    algorithm: string({
      default: DEFAULT_ALGORITHM,
      description: "Any hash that Node's crypto module knows.",
    }),
    snapshot: SNAPSHOT,
    ...REMOTE_FLAGS,
  };

  async run(): Promise<ShaResult> {
    const { algorithm } = this.flags;
    const hash = hashFor(algorithm);
    const options = await this.longOptions();
    const image = await this.openImage(this.args.image, this.flags.snapshot);
    try {
      const { reader } = image;
      const digest = await guestDigest(reader, hash, options);
      if (!this.jsonEnabled()) await this.print(digest);
      const filename = shownName(this.args.image, reader.metadata);
      return { filename, algorithm, digest, "virtual-size": reader.virtualSize };
    } finally {
      await image.close();
    }
  }
}

function hashFor(algorithm: string): Hash {
  try {
    return createHash(algorithm);
  } catch (error) {
    const hint = `Known here: ${getHashes().join(", ")}.`;
    throw new CommandError("CLI_USAGE", `unknown hash algorithm: ${algorithm}`, { hint, cause: error });
  }
}
