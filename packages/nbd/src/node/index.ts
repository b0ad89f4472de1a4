// NBD over the sockets of Node.js.

export { type Listener, type ListenOptions, listen } from "./listen.js";
export { socketStream } from "./socket-stream.js";
