import { ManualClock } from "@qcow/backend-memory";
import { describe, expect, it } from "vitest";
import type { NbdStream } from "../../src/index.js";
import { Command, OptionError, TransmissionFlag } from "../../src/protocol/index.js";
import { connected, serverOf } from "../served.js";
import { testExport } from "../test-export.js";

const ack = { kind: "ack" };
const refusal = (error: number) => expect.objectContaining({ kind: "error", error });

async function greeted(options: Parameters<typeof serverOf>[1] = {}) {
  const connection = connected(serverOf(testExport(), options));
  expect(await connection.client.hello()).toBe(3);
  return connection;
}

describe("options", () => {
  it("list, describe and choose an export", async () => {
    const { client } = await greeted();
    expect(await client.option({ kind: "list" })).toEqual([
      { kind: "server", name: "disk", details: "" },
      ack,
    ]);
    const replies = await client.option({ kind: "info", name: "disk", wanted: [1, 2, 3, 77] });
    expect(replies).toEqual([
      { kind: "export", size: 1_048_576n, flags: expect.any(Number) },
      { kind: "name", text: "disk" },
      { kind: "description", text: "for tests" },
      { kind: "blockSize", minimum: 1, preferred: 4096, maximum: 33_554_432 },
      ack,
    ]);
    expect(await client.option({ kind: "go", name: "disk", wanted: [] })).toMatchObject([
      { kind: "export" },
      ack,
    ]);
    expect((await client.request(Command.read, 0, 512)).error).toBe(0);
  });

  it("mean the only export by the empty name, and nothing by it where there are several", async () => {
    const { client } = await greeted();
    const [, name] = await client.option({ kind: "info", name: "", wanted: [1] });
    expect(name).toEqual({ kind: "name", text: "disk" });
    const several = new Map([
      ["a", testExport()],
      ["b", testExport()],
    ]);
    const other = await greeted({ exports: several });
    expect(await other.client.option({ kind: "go", name: "", wanted: [] })).toEqual([
      refusal(OptionError.unknownExport),
    ]);
    expect(await other.client.option({ kind: "go", name: "b", wanted: [] })).toMatchObject([{}, ack]);
  });

  it("that are unknown, malformed, or too long are refused, and the negotiation goes on", async () => {
    const { client } = await greeted();
    const bytes = (length: number) => new Uint8Array(length);
    expect(await client.rawOption(4, bytes(0))).toEqual([refusal(OptionError.unsupported)]);
    expect(await client.rawOption(0xffff_ffff, bytes(10))).toEqual([refusal(OptionError.unsupported)]);
    for (const code of [3, 5, 8, 11]) {
      expect(await client.rawOption(code, bytes(1))).toEqual([refusal(OptionError.invalid)]);
    }
    expect(await client.rawOption(7, bytes(3))).toEqual([refusal(OptionError.invalid)]);
    expect(await client.rawOption(7, bytes(70_000))).toEqual([refusal(OptionError.tooBig)]);
    expect(await client.option({ kind: "go", name: "none", wanted: [] })).toEqual([
      refusal(OptionError.unknownExport),
    ]);
    expect(await client.option({ kind: "go", name: "disk", wanted: [] })).toMatchObject([{}, ack]);
  });

  it("to abort are acknowledged, and end the connection in peace", async () => {
    const { client, done, serverStream } = await greeted();
    expect(await client.option({ kind: "abort" })).toEqual([ack]);
    await done;
    expect(serverStream.state).toBe("closed");
  });

  it("find contexts by name and by wildcard, and choose by name alone", async () => {
    const { client } = await greeted();
    const list = async (...queries: string[]) =>
      (await client.option({ kind: "listMetaContext", name: "disk", queries })).slice(0, -1).map((each) => {
        if (each.kind !== "metaContext") throw new Error(each.kind);
        return each.name;
      });
    const set = async (...queries: string[]) =>
      (await client.option({ kind: "setMetaContext", name: "disk", queries })).slice(0, -1);
    expect(
      await client.option({ kind: "setMetaContext", name: "disk", queries: ["base:allocation"] }),
    ).toEqual([refusal(OptionError.invalid)]);
    await client.option({ kind: "structuredReply" });
    expect(await list()).toEqual(["base:allocation", "x-test:odd"]);
    expect(await list("base:")).toEqual(["base:allocation"]);
    expect(await list("x-test:odd", "other:thing")).toEqual(["x-test:odd"]);
    expect(await set()).toEqual([]);
    expect(await set("base:", "unknown:x")).toEqual([]);
    expect(await set("x-test:odd", "base:allocation")).toEqual([
      { kind: "metaContext", id: 0, name: "base:allocation" },
      { kind: "metaContext", id: 1, name: "x-test:odd" },
    ]);
  });

  it("choose contexts for one export alone", async () => {
    const several = new Map([
      ["a", testExport()],
      ["b", testExport()],
    ]);
    const { client } = await greeted({ exports: several });
    await client.option({ kind: "structuredReply" });
    await client.option({ kind: "setMetaContext", name: "a", queries: ["base:allocation"] });
    await client.option({ kind: "go", name: "b", wanted: [] });
    expect((await client.request(Command.blockStatus, 0, 512)).error).toBe(22);
  });
});

describe("transmission flags", () => {
  const flagsOf = async (...options: ("structuredReply" | "extendedHeaders")[]) => {
    const { client } = await greeted();
    for (const kind of options) await client.option({ kind });
    await client.option({ kind: "setMetaContext", name: "disk", queries: ["base:allocation"] });
    const [reply] = await client.option({ kind: "info", name: "disk", wanted: [] });
    return reply?.kind === "export" ? reply.flags : Number.NaN;
  };

  it("tell of unfragmented reads and status payloads only where they are possible", async () => {
    const { dontFragment, blockStatusPayload } = TransmissionFlag;
    expect((await flagsOf()) & (dontFragment | blockStatusPayload)).toBe(0);
    expect((await flagsOf("structuredReply")) & (dontFragment | blockStatusPayload)).toBe(dontFragment);
    const both = dontFragment | blockStatusPayload;
    expect((await flagsOf("extendedHeaders")) & both).toBe(both);
  });

  it("say read-only for an export without write members", async () => {
    const { size, preferredBytes, multiConnection, contexts, read, blockStatus } = testExport();
    const disk = { size, preferredBytes, multiConnection, contexts, read, blockStatus };
    const { client } = connected(serverOf(disk));
    const replies = await client.connect("disk");
    const { hasFlags, readOnly, flush, fua, dontFragment, multiConnection: multi } = TransmissionFlag;
    expect(replies[0]).toMatchObject({ flags: hasFlags | readOnly | flush | fua | dontFragment | multi });
    const payload = new Uint8Array(512);
    expect((await client.request(Command.write, 0, 512, { payload })).error).toBe(1);
    expect((await client.request(Command.writeZeroes, 0, 512)).error).toBe(1);
    expect((await client.request(Command.trim, 0, 512)).error).toBe(1);
    expect((await client.request(Command.flush, 0, 0)).error).toBe(0);
  });
});

describe("old clients", () => {
  it.each([true, false])("get the export by its name alone (no zeroes: %s)", async (noZeroes) => {
    const { client } = connected(serverOf(testExport()));
    await client.hello({ fixedNewstyle: false, noZeroes });
    const name = new TextEncoder().encode("disk");
    await client.stream.write([Buffer.from("49484156454f50540000000100000004", "hex"), name]);
    const reply = Buffer.from(await client.source.take(noZeroes ? 10 : 134));
    expect(reply.readBigUInt64BE(0)).toBe(1_048_576n);
    expect(reply.subarray(10).every((byte) => byte === 0)).toBe(true);
    expect((await client.request(Command.read, 0, 512)).style).toBe("simple");
  });

  it.each([
    ["an unknown name", 1, "none"],
    ["an option that needs fixed newstyle", 3, ""],
  ])("are left when they send %s", async (_title, code, name) => {
    const { client, done, serverStream } = connected(serverOf(testExport()));
    await client.hello({ fixedNewstyle: false, noZeroes: true });
    const head = Buffer.from("49484156454f50540000000000000000", "hex");
    head.writeUInt32BE(code, 8);
    head.writeUInt32BE(name.length, 12);
    await client.stream.write([head, new TextEncoder().encode(name)]);
    await done;
    expect(serverStream.state).toBe("destroyed");
  });
});

describe("TLS", () => {
  const upgrading = (log: string[]) => async (stream: NbdStream) => {
    log.push("upgraded");
    return stream;
  };

  it("is refused where there is none", async () => {
    const { client } = await greeted();
    expect(await client.option({ kind: "startTls" })).toEqual([refusal(OptionError.policy)]);
  });

  it("comes before anything else where it is required", async () => {
    const log: string[] = [];
    const { client } = await greeted({ tls: { required: true, upgrade: upgrading(log) } });
    for (const option of [
      { kind: "list" },
      { kind: "structuredReply" },
      { kind: "go", name: "disk", wanted: [] },
    ] as const) {
      expect(await client.option(option)).toEqual([refusal(OptionError.tlsRequired)]);
    }
    expect(await client.option({ kind: "startTls" })).toEqual([ack]);
    expect(log).toEqual(["upgraded"]);
    expect(await client.option({ kind: "startTls" })).toEqual([refusal(OptionError.invalid)]);
    expect(await client.option({ kind: "go", name: "disk", wanted: [] })).toMatchObject([{}, ack]);
  });

  it("forgets what was agreed on before it", async () => {
    const { client } = await greeted({ tls: { required: false, upgrade: upgrading([]) } });
    await client.option({ kind: "structuredReply" });
    await client.option({ kind: "startTls" });
    await client.option({ kind: "go", name: "disk", wanted: [] });
    expect((await client.request(Command.read, 0, 512)).style).toBe("simple");
  });

  it("does not begin with bytes that came in the clear", async () => {
    const log: string[] = [];
    const { client, done, serverStream } = await greeted({
      tls: { required: false, upgrade: upgrading(log) },
    });
    const startTls = "49484156454f50540000000500000000";
    const list = "49484156454f50540000000300000000";
    await client.stream.write([Buffer.from(startTls + list, "hex")]);
    await done;
    expect(serverStream.state).toBe("destroyed");
    expect(log).toEqual([]);
  });
});

describe("a client that does not get on with it", () => {
  it.each(["says nothing", "stops in the midst of an option"])(
    "and %s is left when its time is up",
    async (what) => {
      const time = new ManualClock();
      const closed: unknown[] = [];
      const server = serverOf(testExport(), {
        time,
        limits: { handshakeMs: 1000 },
        observer: { connectionClosed: ({ error }) => closed.push((error as { code: string }).code) },
      });
      const { client, done, serverStream } = connected(server);
      await client.hello();
      if (what !== "says nothing") await client.stream.write([Buffer.from("49484156454f5054", "hex")]);
      await time.advance(999);
      expect(serverStream.state).toBe("open");
      await time.advance(1);
      await done;
      expect(serverStream.state).toBe("destroyed");
      expect(closed).toEqual(["NBD_TOO_SLOW"]);
    },
  );

  it("has all the time it wants once it has chosen an export", async () => {
    const time = new ManualClock();
    const { client } = connected(serverOf(testExport(), { time, limits: { handshakeMs: 1000 } }));
    await client.connect("disk");
    await time.advance(1_000_000);
    expect(time.pending).toBe(0);
    expect((await client.request(Command.read, 0, 512)).error).toBe(0);
  });
});
