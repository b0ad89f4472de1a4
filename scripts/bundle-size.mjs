// Owns: how large a page gets that reads images over HTTP, and what must not be in it: modules of Node, and the part of
// the engine that writes. Bundles what the packages' builds export, as a page's bundler does. Does not own: the page
// (packages/backend-browser/examples).
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { root } from "./workspace.mjs";

const KIB = 1024;

/** Everything that a page which reads needs, compressed as servers send it. */
const reading = {
  name: "reading: open, map, check, over HTTP",
  source: `export { checkImage, Qcow2Reader, readMetadata } from "@qcow/engine";
    export { openHttp } from "@qcow/backend-http";`,
  limit: 60 * KIB,
};

/** The rooms of the engine that only a writer enters. */
const writing =
  /packages\/engine\/dist\/(allocate|commit|compact|create|encode|recycle|repair|resize|write)\//;

/** A bundle's size in bytes, compressed, and the files it consists of. Rejects when it needs a module of Node. */
async function bundle(source) {
  const { outputFiles, metafile } = await build({
    // The package whose dependencies are those of the page.
    stdin: { contents: source, resolveDir: join(root, "packages", "backend-browser") },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  const files = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return {
    bytes: gzipSync(outputFiles[0].contents, { level: 9 }).length,
    files: files.map(([path]) => path),
  };
}

/** What is wrong with a bundle, and its size where it could be made. */
export async function bundleFindings({ name, source, limit }) {
  let made;
  try {
    made = await bundle(source);
  } catch (error) {
    return { findings: [`${name}: does not bundle for browsers: ${error.message}`], bytes: 0 };
  }
  const findings = made.files
    .filter((path) => writing.test(path))
    .map((path) => `${name}: has ${path}, which only writers need`);
  if (made.bytes > limit) findings.push(`${name}: ${made.bytes} bytes compressed; the limit is ${limit}`);
  return { findings, bytes: made.bytes };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { findings, bytes } = await bundleFindings(reading);
  for (const finding of findings) process.stderr.write(`bundle: ${finding}\n`);
  process.stdout.write(
    `bundle: ${reading.name}: ${(bytes / KIB).toFixed(1)} KiB of ${reading.limit / KIB} KiB\n`,
  );
  process.exitCode = findings.length > 0 ? 1 : 0;
}
