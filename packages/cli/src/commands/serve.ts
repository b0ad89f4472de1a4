// `qcow serve`: images for NBD clients. Owns the flags, and the order in which a server begins and ends; what the protocol
// means is @qcow/nbd's.

import { string as stringArgument } from "@oclif/core/args";
import { boolean, integer, string } from "@oclif/core/flags";
import {
  CommandError,
  hostClock,
  jsonText,
  mergeNbdReports,
  openWritableImage,
  QcowCommand,
  REMOTE_FLAGS,
  sizeFlag,
  usingImage,
} from "@qcow/cli-kit";
import { printable } from "@qcow/format";
import { NbdServer } from "@qcow/nbd";
import { defaultClusterCacheBytes } from "../serve/cluster-cache-size.js";
import { type Endpoint, openEndpoint } from "../serve/endpoint.js";
import { type ExportWord, parseExportWords } from "../serve/export-words.js";
import { isLoopback, type ListenPlace, LOOPBACK, listenPlace, NBD_PORT } from "../serve/listen-place.js";
import { closeExports, type OpenExport, openExports, requireSensible } from "../serve/open-exports.js";
import { runCommand, runVariables } from "../serve/run-command.js";
import { serveDocument, serveText } from "../serve/serve-document.js";
import { type ServeObservers, serveObservers } from "../serve/serve-observers.js";
import { shareOutput } from "../serve/shared-output.js";
import { tlsOf } from "../serve/tls-files.js";
import { SNAPSHOT } from "../snapshot-flag.js";

const CLIENTS_DEFAULT = 128;

export default class Serve extends QcowCommand<typeof Serve> {
  static override summary = "Serve images to NBD clients: QEMU, nbdcopy, fio, the kernel.";
  static override description =
    "Each IMAGE is an export; NAME=IMAGE gives it a name. One image alone is the default export, several are called as their files are. " +
    "Images are read-only, unless --rw says otherwise, and are to be reached from this machine only, unless --host says otherwise. Prints " +
    "the address of each export once clients may come. SIGINT and SIGTERM end it: what is under way is finished, everything is made " +
    "durable, and the image is closed. A socket that systemd hands over is used (LISTEN_FDS).";
  static override examples = [
    "<%= config.bin %> serve disk.qcow2",
    "<%= config.bin %> serve disk.qcow2 --rw --discard --compact-after 1G --socket /run/disk.sock",
    "<%= config.bin %> serve disk.qcow2 --snapshot before-upgrade --run 'nbdcopy \"$uri\" old.raw'",
    "<%= config.bin %> serve system=a.qcow2 data=b.qcow2 --port 10810",
    "<%= config.bin %> serve https://example.org/disk.qcow2 --run 'nbdinfo --map \"$uri\"'",
    "nbdcopy -- [ <%= config.bin %> serve disk.qcow2 ] disk.raw",
  ];
  static override args = {
    image: stringArgument({
      required: true,
      multiple: true,
      description:
        "A qcow2 image, or NAME=IMAGE: a path, a file:, http: or https: URL, or a URL of a scheme that a plugin adds.",
    }),
  };
  static override flags = {
    socket: string({ helpValue: "PATH", description: "Listen on this Unix socket.", helpGroup: "ADDRESS" }),
    port: integer({
      min: 0,
      max: 65535,
      helpValue: "N",
      description: `Listen on this TCP port; ${NBD_PORT} by default, 0 for one that is free.`,
      helpGroup: "ADDRESS",
    }),
    host: string({
      helpValue: "HOST",
      description: `Listen on this address of the machine; ${LOOPBACK} by default, 0.0.0.0 or :: for all.`,
      helpGroup: "ADDRESS",
    }),
    rw: boolean({ description: "Clients may write. The image is locked against everybody else." }),
    discard: boolean({ description: "Space that clients give up is given up; needs --rw." }),
    "keep-erased": sizeFlag("Keep so much erased space for those who write next; needs --rw."),
    "compact-after": sizeFlag(
      "Move clusters and cut the file when more than this is free in it and clients give up no more for five seconds; needs --rw.",
    ),
    "cluster-cache": sizeFlag(
      "Keep so much of compressed clusters in memory that clients read parts of, for each image; by default all images share an eighth of the memory that is available, 1G at most. Not with --rw.",
    ),
    snapshot: SNAPSHOT,
    description: string({ helpValue: "TEXT", description: "What clients are told about the image." }),
    "max-clients": integer({
      min: 1,
      default: CLIENTS_DEFAULT,
      helpValue: "N",
      description: "Connections at once; further ones are closed. Some clients have several.",
    }),
    once: boolean({ description: "End when the first client has gone." }),
    run: string({
      helpValue: "CMD",
      description:
        "Run CMD in sh with $uri, $unixsocket, $port and $nbd set, and end with it and its exit code. On a private Unix socket, unless another address is given.",
    }),
    "tls-cert": string({
      helpValue: "FILE",
      description: "Certificate of the server, PEM.",
      helpGroup: "TLS",
    }),
    "tls-key": string({ helpValue: "FILE", description: "Its private key, PEM.", helpGroup: "TLS" }),
    "tls-ca": string({
      helpValue: "FILE",
      description: "Let only clients in with a certificate that one of these authorities has signed, PEM.",
      helpGroup: "TLS",
    }),
    "tls-psk": string({
      helpValue: "FILE",
      description: "Keys that clients may have instead of certificates: lines USER:HEX.",
      helpGroup: "TLS",
    }),
    "tls-optional": boolean({
      description: "Also let clients in that do not ask for TLS.",
      helpGroup: "TLS",
    }),
    ...REMOTE_FLAGS,
  };

  async run(): Promise<void> {
    const { flags } = this;
    const words = parseExportWords(this.args.image);
    const place = listenPlace(flags, process.env, process.pid);
    requireSensible(words, flags);
    if (flags.once && flags.run !== undefined)
      throw new CommandError("CLI_USAGE", "--once and --run cannot be mixed");
    if (place.kind === "descriptor") shareOutput();
    const tls = await tlsOf(flags);
    this.#warnOfStrangers(place, tls !== undefined);
    const lastClient = new AbortController();
    const observers = serveObservers({
      warn: (line) => this.#warn(line),
      debug: flags.debug ? (line) => this.note(line) : undefined,
      onLastClient: () => lastClient.abort(),
    });
    const exports = await this.#open(words, observers);
    await usingImage({ close: () => closeExports(exports) }, async () => {
      const server = new NbdServer({
        exports: new Map(exports.map(({ name, disk }) => [name, disk])),
        time: await hostClock(),
        tls,
        limits: { connectionsMax: flags["max-clients"] },
        observer: mergeNbdReports([observers.nbd, this.nbdReports]),
      });
      // What was written is made durable in any case.
      await usingImage(server, async () => {
        const endpoint = await openEndpoint(server, place, { tls: tls?.required === true });
        await usingImage(endpoint, () => this.#serve(endpoint, exports, place, lastClient.signal));
      });
    });
  }

  #open(words: readonly ExportWord[], { engine }: ServeObservers): Promise<OpenExport[]> {
    const {
      "cluster-cache": clusterCacheBytes = defaultClusterCacheBytes(process.availableMemory(), words.length),
    } = this.flags;
    return openExports(words, this.flags, {
      observer: engine,
      forReading: (address, snapshot, told) =>
        this.openImage(address, snapshot, {
          ...told,
          manyReads: true,
          clusterCacheBytes,
        }),
      forWriting: (address, told) =>
        openWritableImage(address, { ...this.writableOptions(address), ...told }),
      warn: (line) => this.#warn(line),
    });
  }

  /** From the first client to the last; resolves when it is time to end. */
  async #serve(
    endpoint: Endpoint,
    exports: readonly OpenExport[],
    place: ListenPlace,
    lastClient: AbortSignal,
  ): Promise<void> {
    const { run, once } = this.flags;
    if (run !== undefined) {
      const [first] = exports as readonly [OpenExport];
      this.exitWith(await runCommand(run, runVariables(endpoint, first.name), this.signal));
      return;
    }
    try {
      await this.#announce(endpoint, exports, place);
      await aborted(once ? AbortSignal.any([this.signal, lastClient]) : this.signal);
    } catch (error) {
      // A server that is told to end has done what was asked of it.
      if (!this.signal.aborted || error !== this.signal.reason) throw error;
    }
  }

  async #announce(endpoint: Endpoint, exports: readonly OpenExport[], place: ListenPlace): Promise<void> {
    const document = serveDocument(endpoint, exports);
    if (this.jsonEnabled()) await this.print(jsonText(document));
    // Whoever handed the socket over knows where it is, and stdout may be that of a client.
    else if (place.kind !== "descriptor") await this.print(serveText(document));
  }

  #warnOfStrangers(place: ListenPlace, hasTls: boolean): void {
    if (place.kind !== "tcp" || hasTls || isLoopback(place.host)) return;
    const what = this.flags.rw ? "read and write" : "read";
    this.#warn(
      `whoever can connect to ${place.host} can ${what} the images; --tls-cert or --tls-psk keep others out`,
    );
  }

  #warn(line: string): void {
    this.note(`Warning: ${printable(line)}`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
