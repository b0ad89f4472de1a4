// Owns dist/direct.notices.txt: the licence texts of all packages whose code is in the bundle, which their
// licences ask to travel with it. Does not own which packages those are: the bundler says so.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const PACKAGE_FOLDER = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;

/** Folders of the outside packages among the bundler's inputs, each once. */
function packageFolders(inputs, root) {
  const folders = inputs.flatMap((input) => PACKAGE_FOLDER.exec(resolve(root, input))?.[0] ?? []);
  return [...new Set(folders)];
}

function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text =
    file === undefined
      ? "(the package has no licence text of its own)"
      : readFileSync(join(folder, file), "utf8");
  return { name, text: `${name} ${version} (${license})\n\n${text.trim()}\n` };
}

/** Writes the notices for a bundle made of `inputs`, paths relative to `root`. */
export function writeNotices(inputs, root) {
  const notices = packageFolders(inputs, root).map(noticeOf);
  if (notices.length === 0)
    throw new Error("the bundler names no outside package; the notices would be empty");
  notices.sort((a, b) => (a.name < b.name ? -1 : 1));
  const head = "dist/direct.cjs contains code of the following packages.\n";
  const rule = `\n${"-".repeat(80)}\n\n`;
  writeFileSync(
    join(root, "dist", "direct.notices.txt"),
    [head, ...notices.map(({ text }) => text)].join(rule),
  );
}
