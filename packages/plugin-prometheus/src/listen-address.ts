// An address to listen on, as users write it. Owns the forms: HOST:PORT, [IPV6]:PORT, and :PORT for all addresses.

import { UsageError } from "./usage-error.js";

export interface ListenAddress {
  /** Undefined for all addresses of the machine. */
  readonly host: string | undefined;
  readonly port: number;
}

const FORM = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|(?<host>[^:[\]/@\s]*)):(?<port>[0-9]{1,5})$/;
const PORT_MAX = 65535;

export function parseListenAddress(input: string): ListenAddress {
  const { ipv6, host, port } = FORM.exec(input)?.groups ?? {};
  if (port === undefined || Number(port) > PORT_MAX)
    throw new UsageError("--metrics-listen wants HOST:PORT, such as 127.0.0.1:9400 or [::1]:9400");
  const name = ipv6 ?? host;
  return { host: name === "" ? undefined : name, port: Number(port) };
}
