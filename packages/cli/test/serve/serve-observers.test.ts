import { expect, it } from "vitest";
import { serveObservers } from "../../src/serve/serve-observers.js";

function observed(debug = false) {
  const warnings: string[] = [];
  const lines: string[] = [];
  let lasts = 0;
  const observers = serveObservers({
    warn: (line) => warnings.push(line),
    debug: debug ? (line) => lines.push(line) : undefined,
    onLastClient: () => lasts++,
  });
  return { ...observers, warnings, lines, lasts: () => lasts };
}

it("a failure of an export is one line with its name and code, harmless on a terminal", () => {
  const { nbd, warnings } = observed();
  const error = Object.assign(new Error("bad\u001b[2J\nthing"), { code: "QCOW2_CORRUPT" });
  nbd.exportFailed?.({ name: "web", error });
  nbd.exportFailed?.({ name: "", error: "odd" });
  expect(warnings).toEqual(["web: bad\\x1b[2J\\x0athing (QCOW2_CORRUPT)", "odd"]);
});

it("what goes wrong in the background of an image is told with its name", () => {
  const { engine, warnings } = observed();
  engine("web").diagnostic?.({ message: "recycling failed" });
  expect(warnings).toEqual(["web: recycling failed"]);
});

it("connections are told of only to those who look for a fault", () => {
  const { nbd, lines } = observed(true);
  nbd.connectionOpened?.({ open: 1 });
  nbd.connectionClosed?.({ open: 0, negotiated: true, error: new Error("cut off") });
  expect(lines).toEqual(["a client has connected; 1 now", "a client has gone; 0 now: cut off"]);
});

it("the last client is one that had chosen an export, and leaves none behind", () => {
  const { nbd, lasts } = observed();
  nbd.connectionClosed?.({ open: 0, negotiated: false });
  expect(lasts()).toBe(0);
  nbd.connectionClosed?.({ open: 1, negotiated: true });
  expect(lasts()).toBe(0);
  nbd.connectionClosed?.({ open: 0, negotiated: false });
  expect(lasts()).toBe(1);
});
