// A line of some length to a server: passes bytes on, each half a round trip after it came. Run as a process of its own, so
// that it disturbs no measurement: node long-line.mjs PORT TARGET-PORT ROUND-TRIP-MS. Ends when stdin does.
import { connect, createServer } from "node:net";

const [port, target, roundTripMs] = process.argv.slice(2).map(Number);
/** More than this on its way in one direction waits with the sender, as a window would have it. */
const WINDOW_BYTES = 32 * 1024 * 1024;

/** Hands what `from` sends on to `to`, half a round trip later; nothing before `opensAt`. */
class Direction {
  #from;
  #to;
  #opensAt;
  #queue = [];
  #bytes = 0;
  #isAwake = false;

  constructor(from, to, opensAt) {
    this.#from = from;
    this.#to = to;
    this.#opensAt = opensAt;
    from.on("data", (chunk) => this.#add(chunk));
    from.on("end", () => this.#add(undefined));
    from.on("error", () => to.destroy());
    from.on("close", () => from.readableEnded || to.destroy());
    to.on("drain", () => this.#flow());
  }

  /** The end comes as undefined. */
  #add(chunk) {
    this.#queue.push({ chunk, at: Math.max(performance.now(), this.#opensAt) + roundTripMs / 2 });
    this.#bytes += chunk?.length ?? 0;
    this.#flow();
    this.#wake();
  }

  #wake() {
    if (this.#isAwake || this.#queue.length === 0) return;
    this.#isAwake = true;
    setTimeout(() => this.#deliver(), Math.ceil(this.#queue[0].at - performance.now()));
  }

  #deliver() {
    this.#isAwake = false;
    while (this.#queue.length > 0 && this.#queue[0].at <= performance.now()) {
      const { chunk } = this.#queue.shift();
      this.#bytes -= chunk?.length ?? 0;
      if (this.#to.destroyed) continue;
      if (chunk === undefined) this.#to.end();
      else this.#to.write(chunk);
    }
    this.#flow();
    this.#wake();
  }

  #flow() {
    if (this.#bytes + this.#to.writableLength >= WINDOW_BYTES) this.#from.pause();
    else this.#from.resume();
  }
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const upstream = connect({ port: target, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  // The handshake of a connection is a round trip too.
  new Direction(client, upstream, performance.now() + roundTripMs);
  new Direction(upstream, client, 0);
});
server.listen(port, "127.0.0.1", () => process.stdout.write("ready\n"));
process.stdin.on("end", () => process.exit()).resume();
