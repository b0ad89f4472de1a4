import { expect, it } from "vitest";
import { connected, serverOf } from "../served.js";
import { testExport } from "../test-export.js";

function observedServer() {
  const closed: boolean[] = [];
  const observer = {
    connectionClosed: ({ negotiated }: { negotiated: boolean }) => closed.push(negotiated),
  };
  return { server: serverOf(testExport(), { observer }), closed };
}

it("the end of a connection tells that the client had chosen an export", async () => {
  const { server, closed } = observedServer();
  const { client, done } = connected(server);
  await client.connect("disk", {});
  client.stream.close();
  await done;
  expect(closed).toEqual([true]);
});

it("the end of a connection tells that the client had only looked", async () => {
  const { server, closed } = observedServer();
  const { client, done } = connected(server);
  await client.hello();
  await client.option({ kind: "list" });
  client.stream.close();
  await done;
  expect(closed).toEqual([false]);
});
