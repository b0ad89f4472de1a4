// Each trap of traps.ts ends with the right bytes or with one clear error, never with wrong bytes and never not at all.

import { openHttp } from "@qcow/backend-http";
import { afterEach, describe, expect, it } from "vitest";
import { ConformanceServer, type Trap } from "./conformance-server.js";
import { expectBytes, openForTest, readAt, sampleBytes, testOptions } from "./open-for-test.js";
import * as trap from "./traps.js";

const contents = sampleBytes(300_000);
const servers: ConformanceServer[] = [];

async function serve(...traps: Trap[]): Promise<ConformanceServer> {
  const server = await ConformanceServer.start(contents, ...traps);
  servers.push(server);
  return server;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    expect(server.asked.every(({ method }) => method === "GET")).toBe(true);
    await server.close();
  }
});

const right: [title: string, traps: Trap[], requests: number][] = [
  ["nothing", [], 2],
  ["one 503", [trap.between(1, 2, trap.status(503))], 3],
  ["a 503 in the middle", [trap.between(2, 3, trap.status(503))], 3],
  [
    "408, 425, 429 and 500 in a row",
    [408, 425, 429, 500].map((code, i) => trap.between(2 + i, 3 + i, trap.status(code))),
    6,
  ],
  ["answers that are shorter than asked for", [trap.rangeCap(50_000)], 7],
  ["a slow line", [trap.drip], 2],
  [
    "a body that is cut",
    [trap.between(1, 2, trap.cutAfter(100)), trap.between(3, 4, trap.cutAfter(1000))],
    4,
  ],
  ["a body that ends too early", [trap.between(2, 3, trap.endAfter(10_000))], 3],
  ["a connection that is reset", [trap.between(1, 2, trap.reset), trap.between(3, 4, trap.reset)], 4],
  [
    "a weak ETag that changes",
    [trap.headersSay((h, { number }) => Object.assign(h, { etag: `W/"${number}"` }))],
    2,
  ],
  ["no length but that of the range", [trap.tooMuch(0)], 2],
];

describe("the bytes are right from a server with", () => {
  it.each(right)("%s", async (_title, traps, requests) => {
    const server = await serve(...traps);
    const { backend } = await openForTest(server.url);
    expectBytes(await readAt(backend, 0, contents.length), contents);
    expect(server.asked.length).toBe(requests);
    expect(backend.counters.requests).toBe(requests);
    await backend.close();
  });
});

const wrong: [title: string, traps: Trap[], code: string, requests: number][] = [
  ["the whole file for a part", [trap.wholeFile], "HTTP_NO_RANGES", 1],
  ["the whole file, of unknown length", [trap.wholeFileOfUnknownLength], "HTTP_NO_RANGES", 1],
  ["the whole file, but only later", [trap.between(2, 9, trap.wholeFile)], "HTTP_NO_RANGES", 2],
  ["a file that is replaced, with another ETag", [trap.replacedBefore(2, '"two"')], "HTTP_IMAGE_CHANGED", 2],
  ["a file whose ETag goes away", [trap.replacedBefore(2, undefined)], "HTTP_IMAGE_CHANGED", 2],
  ["gzip around a part", [trap.gzipped], "HTTP_BAD_ANSWER", 1],
  ["gzip around a part, but only later", [trap.between(2, 9, trap.gzipped)], "HTTP_BAD_ANSWER", 2],
  ["parts that start elsewhere", [trap.elsewhere], "HTTP_BAD_ANSWER", 1],
  ["parts that start elsewhere, but only later", [trap.between(2, 9, trap.elsewhere)], "HTTP_BAD_ANSWER", 2],
  [
    "bodies that are longer than their range, but only later",
    [trap.between(2, 9, trap.tooMuch(10))],
    "HTTP_BAD_ANSWER",
    2,
  ],
  ["bodies that are always cut, but only later", [trap.between(2, 99, trap.cutAfter(10))], "BACKEND_IO", 6],
  [
    "more than was asked for",
    [
      trap.headersSay((h) =>
        Object.assign(h, { "content-range": "bytes 0-4096/300000", "content-length": "4097" }),
      ),
    ],
    "HTTP_BAD_ANSWER",
    1,
  ],
  [
    "another size later",
    [
      trap.between(
        2,
        9,
        trap.headersSay((h) => Object.assign(h, { "content-range": "bytes 4096-299999/300001" })),
      ),
    ],
    "HTTP_IMAGE_CHANGED",
    2,
  ],
  [
    "no Content-Range",
    [trap.headersSay((h) => Reflect.deleteProperty(h, "content-range"))],
    "HTTP_BAD_ANSWER",
    1,
  ],
  [
    "a Content-Range that is none",
    [trap.headersSay((h) => Object.assign(h, { "content-range": "bytes 5-4/3" }))],
    "HTTP_BAD_ANSWER",
    1,
  ],
  [
    "no size",
    [trap.headersSay((h) => Object.assign(h, { "content-range": "bytes 0-4095/*" }))],
    "HTTP_BAD_ANSWER",
    1,
  ],
  ["several parts for one", [trap.multipart], "HTTP_BAD_ANSWER", 1],
  ["a body longer than its range", [trap.tooMuch(10)], "HTTP_BAD_ANSWER", 1],
  [
    "a length that is not that of the range",
    [
      trap.headersSay((h, { response }) => {
        response.strictContentLength = false;
        h["content-length"] = "5000";
      }),
    ],
    "HTTP_BAD_ANSWER",
    1,
  ],
  ["a few bytes at a time", [trap.rangeCap(100)], "HTTP_BAD_ANSWER", 66],
  ["503 for ever", [trap.status(503)], "BACKEND_IO", 5],
  ["bodies that are always cut", [trap.cutAfter(10)], "BACKEND_IO", 5],
  ["connections that are always reset", [trap.reset], "BACKEND_IO", 5],
  ["endless headers", [trap.endlessHeaders], "BACKEND_IO", 5],
  ["no HTTP at all", [trap.noHttp], "BACKEND_IO", 5],
  ["404", [trap.status(404)], "BACKEND_NOT_FOUND", 1],
  ["410", [trap.status(410)], "BACKEND_NOT_FOUND", 1],
  ["401", [trap.status(401)], "BACKEND_PERMISSION", 1],
  ["403", [trap.status(403)], "BACKEND_PERMISSION", 1],
  ["501", [trap.status(501)], "BACKEND_IO", 1],
  ["304", [trap.status(304)], "BACKEND_IO", 1],
  ["416 at the start", [trap.status(416)], "HTTP_BAD_ANSWER", 1],
  [
    "416 in the middle",
    [trap.between(2, 9, trap.status(416, { "content-range": "bytes */300000" }))],
    "HTTP_BAD_ANSWER",
    2,
  ],
  [
    "416 because the file is shorter now",
    [trap.between(2, 9, trap.status(416, { "content-range": "bytes */5" }))],
    "HTTP_IMAGE_CHANGED",
    2,
  ],
  ["412", [trap.between(2, 9, trap.status(412))], "HTTP_IMAGE_CHANGED", 2],
];

describe("one clear error tells of a server with", () => {
  it.each(wrong)("%s", async (_title, traps, code, requests) => {
    const server = await serve(...traps);
    const { options } = testOptions();
    const read = async () => {
      await using backend = await openHttp(server.url, options);
      // Not from the start: for a server that sends whole files that would be no part.
      expectBytes(await readAt(backend, 100_000, 200_000), contents.subarray(100_000));
    };
    await expect(read()).rejects.toMatchObject({ name: "BackendError", code, label: server.url });
    expect(server.asked.length).toBe(requests);
  });
});
