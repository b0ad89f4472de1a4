import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { isOutputClosed, writeOutput } from "../src/standard-output.js";

it("resolves once the stream has taken the chunk", async () => {
  const taken: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      taken.push(String(chunk));
      done();
    },
  });
  await writeOutput("one", { stream });
  expect(taken).toEqual(["one"]);
});

it("tells a reader that has gone from other failures", async () => {
  const failing = (code: string) => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
    });
    stream.on("error", () => {});
    return writeOutput("x", { stream }).catch((error: unknown) => error);
  };
  expect(isOutputClosed(await failing("EPIPE"))).toBe(true);
  expect(isOutputClosed(await failing("ENOSPC"))).toBe(false);
  expect(isOutputClosed(Object.assign(new Error("write"), { code: "EPIPE" }))).toBe(false);
  expect(await failing("ENOSPC")).toMatchObject({ code: "CLI_OUTPUT_FAILED" });
});

it("stops waiting for a stuck reader when it is told to", async () => {
  const stop = new AbortController();
  const stream = new Writable({ write: () => {} });
  const written = writeOutput("x", { stream, signal: stop.signal });
  stop.abort(new Error("stopped"));
  await expect(written).rejects.toThrow("stopped");
  await expect(writeOutput("y", { stream, signal: stop.signal })).rejects.toThrow("stopped");
});
