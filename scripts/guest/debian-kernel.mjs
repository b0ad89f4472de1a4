// Owns where kernel, modules and busybox of the guest come from: Debian's packages, unpacked into a folder for temporary
// files and kept there. Nothing is installed.
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { run } from "../bench/tool.mjs";

const META_PACKAGE = "linux-image-cloud-amd64";
const BUSYBOX = "busybox-static";
/** What the guest needs; what a kernel has built in is no file. */
const MODULES = ["ext4", "virtio_pci", "virtio_blk"];

/** `{ kernel, modules, busybox }`: the path of a kernel, modules as `{ name, bytes }` in order, and a program. */
export async function debianKernel() {
  const image = await imagePackage();
  const home = join(tmpdir(), `qcow-guest-${image}`);
  const there = await readdir(home).catch(() => []);
  if (there.length === 0) await unpack([image, BUSYBOX], home);
  const version = (await readdir(join(home, "lib/modules")))[0];
  const modules = await inOrder(MODULES, join(home, "lib/modules", version, "kernel"));
  const busybox = await readFile(join(home, "bin/busybox")).catch(() =>
    readFile(join(home, "usr/bin/busybox")),
  );
  return { kernel: join(home, "boot", `vmlinuz-${version}`), modules, busybox };
}

/** The modules `wanted` and those that they depend on, in the order of loading. */
async function inOrder(wanted, folder) {
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".ko"));
  const paths = new Map(files.map((file) => [nameOf(file), join(folder, file)]));
  const loaded = new Map();
  const load = async (name) => {
    const path = paths.get(name);
    if (path === undefined || loaded.has(name)) return;
    const bytes = await readFile(path);
    const depends = /\0depends=([^\0]*)\0/.exec(bytes.toString("latin1"))?.[1] ?? "";
    for (const each of depends.split(",").filter(Boolean)) await load(each);
    loaded.set(name, { name, bytes });
  };
  for (const name of wanted) await load(name);
  return [...loaded.values()];
}

/** Files may be named with hyphens where modules have underscores. */
const nameOf = (file) => basename(file, ".ko").replaceAll("-", "_");

/** The newest kernel, which the meta package depends on. The lists of packages are fetched where there are none. */
async function imagePackage() {
  const name = (await dependency()) ?? (await run("apt-get", ["update", "-qq"]).then(dependency));
  if (name === undefined) throw new Error(`apt knows no ${META_PACKAGE}`);
  return name;
}

async function dependency() {
  const { stdout } = await run("apt-cache", ["depends", META_PACKAGE]).catch(() => ({ stdout: "" }));
  return /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
}

async function unpack(packages, home) {
  const part = await mkdtemp(`${home}.part-`);
  await mkdir(join(part, "all"));
  await run("apt-get", ["download", "-qq", ...packages], {}, part);
  for (const name of await readdir(part))
    if (name.endsWith(".deb")) await run("dpkg-deb", ["-x", join(part, name), join(part, "all")]);
  await rename(join(part, "all"), home);
  await rm(part, { recursive: true });
}
