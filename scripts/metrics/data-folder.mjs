// Owns a data folder of qcow that has the plugin of this checkout, as `qcow plugins install` leaves one.
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NAME = "@qcow/plugin-prometheus";
const PLUGIN = fileURLToPath(new URL("../../packages/plugin-prometheus", import.meta.url));

/** Makes it below `folder`; resolves with its path, for QCOW_DATA_DIR. */
export async function makeDataFolder(folder) {
  const data = join(folder, "data");
  await mkdir(join(data, "node_modules/@qcow"), { recursive: true });
  await symlink(PLUGIN, join(data, "node_modules", NAME));
  const oclif = { schema: 1, plugins: [{ name: NAME, tag: "latest", type: "user" }] };
  await writeFile(join(data, "package.json"), JSON.stringify({ dependencies: { [NAME]: "*" }, oclif }));
  return data;
}
