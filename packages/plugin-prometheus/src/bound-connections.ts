// How many connections a server of HTTP has at once. Owns which of them makes room for another: the one that has asked for
// nothing for the longest time, so that whoever connects and stays silent keeps nobody out.

import type { Server } from "node:http";
import type { Socket } from "node:net";

/** Keeps at most `most` connections of `server`. Where all of them wait for answers, a further one is closed. */
export function boundConnections(server: Server, most: number): void {
  /** Without a request, in the order in which that began. */
  const idle = new Set<Socket>();
  let open = 0;
  server.on("connection", (socket: Socket) => {
    open++;
    idle.add(socket);
    socket.once("close", () => {
      open--;
      idle.delete(socket);
    });
    if (open <= most) return;
    const [longest = socket] = idle;
    // Not in the set any more at once: it closes a turn later, and another one may come before that.
    idle.delete(longest);
    longest.destroy();
  });
  server.on("request", ({ socket }, response) => {
    idle.delete(socket);
    response.once("close", () => {
      if (!socket.destroyed) idle.add(socket);
    });
  });
}
