// The server's part of TLS on sockets of Node.js, with certificates or with keys that both sides know. Owns that a
// session goes on only once the handshake is through.

import {
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureContextOptions,
  type TlsOptions as ServerOptions,
  TLSSocket,
  type TLSSocketOptions,
} from "node:tls";
import type { NbdStream } from "../session/nbd-stream.js";
import type { NbdTls } from "../session/session-options.js";
import { SocketStream } from "./socket-stream.js";

export interface TlsOptions {
  /** Whether clients must use TLS; `true` by default. */
  readonly required?: boolean | undefined;
  /** Key and certificate of the server, in PEM. */
  readonly key?: string | Uint8Array | undefined;
  readonly cert?: string | Uint8Array | undefined;
  /** Authorities by which clients' certificates are judged; with them, a client without a good one is turned away. */
  readonly ca?: string | Uint8Array | undefined;
  /** Keys that clients may have instead of certificates, by the names of users. */
  readonly preSharedKeys?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** What `NbdServerOptions.tls` takes, for connections that `listen` accepts. Throws for a key that makes no sense. */
export function nodeTls({ required, key, cert, ca, preSharedKeys }: TlsOptions): NbdTls {
  const asked: SecureContextOptions = {
    minVersion: "TLSv1.2",
    ...(key === undefined ? {} : { key: pem(key) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(ca === undefined ? {} : { ca: pem(ca) }),
    // Node's defaults have no cipher for keys of both sides.
    ...(preSharedKeys === undefined ? {} : { ciphers: PSK_CIPHERS }),
  };
  const options: TLSSocketOptions & Pick<ServerOptions, "pskCallback"> = {
    isServer: true,
    secureContext: createSecureContext(asked),
    ...(ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
    ...(preSharedKeys === undefined ? {} : { pskCallback: keyOf(preSharedKeys) }),
  };
  return { required: required ?? true, upgrade: (stream, { signal }) => upgraded(stream, options, signal) };
}

/** Those that keep old traffic secret when a key becomes known. */
const PSK_CIPHERS = `${DEFAULT_CIPHERS}:ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES256-CBC-SHA384:ECDHE-PSK-AES128-CBC-SHA256`;

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === "string" ? text : Buffer.from(text);
}

function keyOf(
  keys: ReadonlyMap<string, Uint8Array>,
): (socket: TLSSocket, identity: string) => Uint8Array | null {
  return (_socket, identity) => keys.get(identity) ?? null;
}

async function upgraded(
  stream: NbdStream,
  options: TLSSocketOptions,
  signal: AbortSignal,
): Promise<NbdStream> {
  if (!(stream instanceof SocketStream)) throw new TypeError("TLS of Node.js needs a socket of Node.js");
  const { socket } = stream;
  stream.detach();
  const secure = new TLSSocket(socket, options);
  // Whatever happens to the socket happens to both.
  const end = () => secure.destroy(new Error("the connection ended during the TLS handshake"));
  socket.once("close", end);
  signal.addEventListener("abort", end, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      secure.once("error", reject).once("secure", () => {
        const refused = options.requestCert === true ? verifyError(secure) : undefined;
        if (refused === undefined) resolve();
        else reject(refused);
      });
    });
  } catch (error) {
    secure.on("error", () => undefined).destroy();
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
  }
  return new SocketStream(secure);
}

/** Why the client's certificate is none, if it is: a socket that is made by hand does not look by itself. */
function verifyError(secure: TLSSocket): Error | undefined {
  const { ssl } = secure as unknown as { readonly ssl: { verifyError(): Error | null } };
  return ssl.verifyError() ?? undefined;
}
