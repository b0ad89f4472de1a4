import { type HttpOptions, openHttp } from "@qcow/backend-http";
import { ManualClock } from "@qcow/backend-memory";
import { runReadableBackendSuite } from "@qcow/block/testing";
import { afterAll, describe, it } from "vitest";
import { ConformanceServer } from "./conformance-server.js";

const servers: ConformanceServer[] = [];

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

const kinds: Record<string, Partial<HttpOptions>> = {
  "HttpBackend, all in the first answer": {},
  "HttpBackend, most of it fetched": { openBytes: 512 },
  "HttpBackend without caches": { openBytes: 512, dataCacheBytes: 0, metadataCacheBytes: 0 },
  "HttpBackend, one request at a time": { openBytes: 1, parallel: 1, gapBytes: 0 },
  "HttpBackend as in a browser": { openBytes: 512, environment: "browser" },
};

for (const [name, options] of Object.entries(kinds)) {
  runReadableBackendSuite({
    describe,
    it,
    name,
    open: async (contents) => {
      const server = await ConformanceServer.start(contents);
      servers.push(server);
      return await openHttp(server.url, { time: new ManualClock(), ...options });
    },
  });
}
