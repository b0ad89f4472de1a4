import { describe, expect, it } from "vitest";
import { isLoopback, listenPlace } from "../../src/serve/listen-place.js";

const NONE = {};

describe("where a server listens", () => {
  it.each([
    [{}, { kind: "tcp", host: "127.0.0.1", port: 10809 }],
    [{ port: 0 }, { kind: "tcp", host: "127.0.0.1", port: 0 }],
    [{ host: "::" }, { kind: "tcp", host: "::", port: 10809 }],
    [{ socket: "s" }, { kind: "socket", path: "s" }],
    [{ run: "x" }, { kind: "private" }],
    [
      { run: "x", port: 1 },
      { kind: "tcp", host: "127.0.0.1", port: 1 },
    ],
    [
      { run: "x", socket: "s" },
      { kind: "socket", path: "s" },
    ],
  ])("by %j is %j", (flags, place) => {
    expect(listenPlace(flags, NONE, 1)).toEqual(place);
  });

  it("is a socket that was handed over to this process", () => {
    const handed = { LISTEN_FDS: "1", LISTEN_PID: "7" };
    expect(listenPlace({}, handed, 7)).toEqual({ kind: "descriptor", fd: 3 });
    expect(listenPlace({}, handed, 8)).toMatchObject({ kind: "tcp" });
  });

  it.each([
    [{ socket: "s", port: 1 }, NONE],
    [{ socket: "s", host: "h" }, NONE],
    [{ port: 1 }, { LISTEN_FDS: "1", LISTEN_PID: "7" }],
    [{ run: "x" }, { LISTEN_FDS: "1", LISTEN_PID: "7" }],
    [{}, { LISTEN_FDS: "2", LISTEN_PID: "7" }],
  ])("cannot be told from %j with %j", (flags, environment) => {
    expect(() => listenPlace(flags, environment, 7)).toThrow(expect.objectContaining({ code: "CLI_USAGE" }));
  });
});

it.each([
  ["127.0.0.1", true],
  ["127.8.8.8", true],
  ["localhost", true],
  ["::1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["127.evil.example", false],
])("%s is loopback: %s", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
