import { nodeCompression, openReadable, openWritable, systemClock } from "@qcow/backend-node";
import { withPadding } from "@qcow/block";
import {
  runBlockBackendSuite,
  runCompressionBackendSuite,
  runReadableBackendSuite,
  runTimeBackendSuite,
} from "@qcow/block/testing";
import { createFsFromVolume, Volume } from "memfs";
import { describe, it } from "vitest";
import type { FileSystem } from "../src/file-system.js";
import { NodeCompression } from "../src/node-compression.js";
import { wasmZstd } from "../src/zstd-codec.js";
import { fsWith, realFs } from "./fake-file-system.js";
import { scratch } from "./scratch.js";

const runner = { describe, it };
const pathTo = scratch();

/** Transfers at most a few bytes at a time, as a host may. */
const stingyFs = fsWith({
  read: (fd, buffer, start, length, position, callback) =>
    realFs.read(fd, buffer, start, Math.min(length, 4099), position, callback),
  write: (fd, buffer, start, length, position, callback) =>
    realFs.write(fd, buffer, start, Math.min(length, 4099), position, callback),
});

function memoryFs(): FileSystem {
  const fs = createFsFromVolume(Volume.fromJSON({}, "/"));
  fs.mkdirSync("/tmp", { recursive: true });
  // It fits, but its types know no bigint stats.
  return fs as unknown as FileSystem;
}

const memory = memoryFs();
let memoryFiles = 0;
const memoryPath = () => {
  memoryFiles += 1;
  return `/file-${memoryFiles}`;
};

const noFs: FileSystem | undefined = undefined;
const hosts = [
  { name: "a file", fs: realFs, newPath: pathTo, farOffsets: true },
  { name: "a file whose host transfers little at a time", fs: stingyFs, newPath: pathTo, farOffsets: true },
  { name: "a file with holes", fs: noFs, newPath: pathTo, farOffsets: true },
  { name: "a file of memfs", fs: memory, newPath: memoryPath, farOffsets: false },
];

for (const { name, fs, newPath, farOffsets } of hosts) {
  runBlockBackendSuite({
    ...runner,
    name,
    open: () => openWritable(newPath(), { fs, sparse: true, create: true }),
    supports: { farOffsets, reopen: (backend) => openWritable(backend.label, { fs, sparse: true }) },
  });

  const written = async (contents: Uint8Array) => {
    const path = newPath();
    await using backend = await openWritable(path, { fs, exclusive: true });
    await backend.write(0, contents);
    return path;
  };
  runReadableBackendSuite({
    ...runner,
    name: `${name}, opened for reading`,
    open: async (contents) => openReadable(await written(contents), { fs, sparse: true }),
  });
  runReadableBackendSuite({
    ...runner,
    name: `${name}, opened for reading, padded`,
    open: async (contents) => withPadding(await openReadable(await written(contents), { fs, sparse: true })),
    supports: { padding: true },
  });
}

runTimeBackendSuite({ ...runner, name: "systemClock", open: () => systemClock });

const compression = nodeCompression();
runCompressionBackendSuite({ ...runner, name: "nodeCompression", open: () => compression });

const withWasm = new NodeCompression(wasmZstd);
runCompressionBackendSuite({
  ...runner,
  name: "nodeCompression with WebAssembly",
  open: () => withWasm,
  methods: ["zstd"],
});
