import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createImage } from "@qcow/engine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openForWriting } from "../src/open-for-writing.js";
import { openImageIn, openWritableImage, slowIoObserver, usingImage } from "../src/open-writable-image.js";

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qcow-writable-"));
  path = join(folder, "disk.qcow2");
  await writeFile(path, "");
  const backend = await openForWriting(path);
  await createImage(backend, { size: 2 ** 20 });
  await backend.close();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("openWritableImage", () => {
  it("opens a file, whose image is durable and let go of after close", async () => {
    const opened = await openWritableImage(path, { policy: "same-dir" });
    await opened.image.write(0, new Uint8Array(512).fill(7));
    await opened.close();
    const again = await openWritableImage(path, { policy: "same-dir" });
    const sector = new Uint8Array(512);
    await again.image.read(0, sector);
    await again.close();
    expect(sector).toEqual(new Uint8Array(512).fill(7));
  });

  it("traces every access, and with unsafe buffering there are no flushes", async () => {
    const flushes: number[] = [];
    for (const unsafeBuffering of [false, true]) {
      const lines: string[] = [];
      const trace = (line: string) => void lines.push(line);
      const opened = await openWritableImage(path, { policy: "same-dir", trace, unsafeBuffering });
      await opened.image.write(65_536, new Uint8Array(512).fill(7));
      await opened.close();
      expect(lines.some((line) => line.startsWith("BLOCK.write "))).toBe(true);
      flushes.push(lines.filter((line) => line === "BLOCK.flush").length);
    }
    expect(flushes[0]).toBeGreaterThan(0);
    expect(flushes[1]).toBe(0);
  });

  it("lets go of a file that is no image", async () => {
    const noise = join(folder, "noise");
    await writeFile(noise, "noise");
    const opening = openWritableImage(noise, { policy: "same-dir" });
    await expect(opening).rejects.toMatchObject({ code: "QCOW2_BAD_MAGIC" });
    // An exclusive lock would be in the way.
    await (await openForWriting(noise)).close();
    expect(await readFile(noise, "utf8")).toBe("noise");
  });

  it.each(["http://host/disk.qcow2", "s3://bucket/disk.qcow2"])("refuses %s", async (address) => {
    await expect(openWritableImage(address, { policy: "any" })).rejects.toMatchObject({
      code: "CLI_READ_ONLY_ADDRESS",
    });
  });

  it("opens the data file under the policy, unless it is told how", async () => {
    const [image, data] = [join(folder, "data.qcow2"), join(folder, "elsewhere.raw")];
    for (const file of [image, data]) await writeFile(file, "");
    const backends = [await openForWriting(image), await openForWriting(data)] as const;
    await createImage(backends[0], {
      size: 2 ** 20,
      dataFile: { name: "../elsewhere.raw", backend: backends[1] },
    });
    const refused = openImageIn(backends[0], image, { policy: "same-dir" });
    await expect(refused).rejects.toMatchObject({ code: "CLI_REFERENCE_REFUSED" });
    const opened = await openImageIn(backends[0], image, {
      policy: "same-dir",
      openDataFile: async () => backends[1],
    });
    await opened.close();
    await backends[0].close();
  });
});

it("slow operations are told, and who holds what (S-0.9.2-2)", () => {
  const lines: string[] = [];
  const { slowIo } = slowIoObserver((line) => lines.push(line));
  slowIo?.({
    operation: "write",
    offset: 65_536,
    length: 512,
    elapsedMs: 30_000,
    holders: ["bytes 0 to 9: held"],
  });
  expect(lines).toEqual([
    "write of 512 bytes at 65536 takes more than 30 s; still waiting",
    "bytes 0 to 9: held",
  ]);
  expect(slowIoObserver(undefined).slowIo).toBeUndefined();
});

describe("usingImage", () => {
  const failing = (close: unknown) => ({ close: () => Promise.reject(close) });

  it("tells the failure of the job rather than that of closing", async () => {
    const job = usingImage(failing(new Error("closing")), () => Promise.reject(new Error("job")));
    await expect(job).rejects.toThrow("job");
  });

  it("tells the failure of closing when the job has done its work", async () => {
    await expect(usingImage(failing(new Error("closing")), async () => 1)).rejects.toThrow("closing");
  });
});
