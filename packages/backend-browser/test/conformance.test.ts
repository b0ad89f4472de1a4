import { browserClock, openBlob, webCompression } from "@qcow/backend-browser";
import { nodeCompression } from "@qcow/backend-node";
import { type CompressionBackend, withPadding } from "@qcow/block";
import {
  runCompressionBackendSuite,
  runReadableBackendSuite,
  runTimeBackendSuite,
} from "@qcow/block/testing";
import { describe, it } from "vitest";

const runner = { describe, it };

runReadableBackendSuite({
  ...runner,
  name: "a Blob",
  open: async (contents) => openBlob(new Blob([contents.slice()])),
});

runReadableBackendSuite({
  ...runner,
  name: "a File, padded",
  open: async (contents) => withPadding(openBlob(new File([contents.slice()], "disk.qcow2"))),
  supports: { padding: true },
});

runTimeBackendSuite({ ...runner, name: "browserClock", open: browserClock });

runCompressionBackendSuite({ ...runner, name: "webCompression", open: webCompression, methods: ["deflate"] });

/** Compresses on Node.js, since that half of zstd is missing in browsers. */
const node = nodeCompression();
const readingZstd: CompressionBackend = {
  compress: (method, source, options) => node.compress(method, source, options),
  decompress: webCompression().decompress,
};
runCompressionBackendSuite({ ...runner, name: "webCompression", open: () => readingZstd, methods: ["zstd"] });
