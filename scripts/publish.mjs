#!/usr/bin/env node
// Owns: publishing each public package whose version npm does not have, as packed. Does not own: versions (changesets), or
// who may publish (.github/workflows/release.yml). After `npx changeset version`, whose result is committed:
//
//   npm run publish-packages -- [--dry-run] [--provenance]
import { parseArgs } from "node:util";
import { packAll, withTemporaryFolder } from "./pack.mjs";
import { root, run } from "./workspace.mjs";

const { values } = parseArgs({
  options: {
    "dry-run": { type: "boolean", default: false },
    provenance: { type: "boolean", default: false },
  },
});

async function npm(...args) {
  return run("npm", args, { cwd: root, output: "capture" });
}

/** Whether npm has this version already; rejects when it cannot be asked. */
async function isPublished({ name, version }) {
  const { code, text } = await npm("view", `${name}@${version}`, "version");
  if (code === 0) return text.includes(version);
  if (text.includes("E404")) return false;
  throw new Error(`cannot ask for ${name}@${version}:\n${text}`);
}

async function publish({ manifest, tarball }) {
  const { name, version } = manifest;
  if (!values["dry-run"] && (await isPublished(manifest))) return console.log(`${name}@${version} is there`);
  const flags = Object.keys(values).filter((flag) => values[flag]);
  const { code, text } = await npm(
    "publish",
    tarball,
    "--access",
    "public",
    ...flags.map((flag) => `--${flag}`),
  );
  if (code !== 0) throw new Error(`${name}@${version} was not published:\n${text}`);
  console.log(`${name}@${version} ${values["dry-run"] ? "could be" : "is"} published`);
}

await withTemporaryFolder(async (folder) => {
  const packed = await packAll(folder);
  const unversioned = packed.filter(({ manifest }) => manifest.version === "0.0.0");
  if (unversioned.length > 0 && !values["dry-run"])
    throw new Error(`no version yet: ${unversioned.map(({ manifest }) => manifest.name).join(", ")}`);
  // One after the other: a failure leaves what is published known.
  for (const one of packed) await publish(one);
});
