// NBD over the sockets of Node.js.

export { type Listener, type ListenOptions, listen } from "./listen.js";
export { socketStream } from "./socket-stream.js";
export { nodeTls, type TlsOptions } from "./tls-upgrade.js";
