// The names this package exports: a change here is a change for its users.

import { expect, test } from "vitest";
import * as engine from "../src/index.js";

test("exports exactly this", () => {
  expect(Object.keys(engine).sort()).toMatchInlineSnapshot(`
    [
      "CHAIN_DEPTH_MAX",
      "DirtyBitmap",
      "EngineError",
      "ExtentFlag",
      "METADATA_CACHE_BYTES_DEFAULT",
      "Qcow2Image",
      "Qcow2Reader",
      "checkImage",
      "compactImage",
      "createImage",
      "decodeStream",
      "decodeStreamInOrder",
      "decodeToRaw",
      "defaultImageConfig",
      "discardZeroes",
      "encodeRaw",
      "encodeStream",
      "formatImageConfig",
      "isEngineError",
      "parseImageConfig",
      "readChain",
      "readMetadata",
      "repairImage",
    ]
  `);
});

test("a reader has exactly these members", () => {
  expect(Object.getOwnPropertyNames(engine.Qcow2Reader.prototype).sort()).toMatchInlineSnapshot(`
    [
      "chunks",
      "close",
      "constructor",
      "identities",
      "layers",
      "map",
      "mapBatches",
      "metadata",
      "openContents",
      "preferredReadBytes",
      "read",
      "readNow",
      "readable",
      "seekMapped",
      "seekUnmapped",
      "virtualSize",
    ]
  `);
});
