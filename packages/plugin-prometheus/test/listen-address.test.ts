import { expect, it } from "vitest";
import { parseListenAddress } from "../src/listen-address.js";

it.each([
  ["127.0.0.1:9400", "127.0.0.1", 9400],
  ["localhost:0", "localhost", 0],
  ["[::1]:9400", "::1", 9400],
  ["[fe80::1%eth0]:1", "fe80::1%eth0", 1],
  [":9400", undefined, 9400],
])("%s is host %s and port %i", (input, host, port) => {
  expect(parseListenAddress(input)).toEqual({ host, port });
});

it.each(["9400", "host", "host:", "host:65536", "::1:9400", "http://host:1", "a b:1", "host:-1"])(
  "%s is no address to listen on",
  (input) => {
    expect(() => parseListenAddress(input)).toThrow(/--metrics-listen wants HOST:PORT/);
  },
);
