// Owns the server that stands in for https://images.example: files of a folder, in ranges as servers of files send them, and
// uploads, which are read to their end and forgotten. Does not own what a real server does (scripts/http).
import { once } from "node:events";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";

/** Serves `folder` at a port that is free; `origin` is the address, `stop()` ends it. */
export async function startImageServer(folder) {
  const server = createServer((request, response) => {
    if (request.method === "PUT")
      return void request.resume().once("end", () => response.writeHead(201).end());
    answer(join(folder, basename(new URL(request.url, "http://localhost").pathname)), request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(file, request, response) {
  if (!existsSync(file)) return response.writeHead(404).end();
  const { size } = statSync(file);
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const start = Number(first ?? 0);
  const end = Math.min(last ? Number(last) : size - 1, size - 1);
  const headers = { "accept-ranges": "bytes", "content-length": end - start + 1, etag: '"1"' };
  if (first !== undefined) headers["content-range"] = `bytes ${start}-${end}/${size}`;
  response.writeHead(first === undefined ? 200 : 206, headers);
  if (request.method === "HEAD") return response.end();
  createReadStream(file, { start, end }).pipe(response);
}
