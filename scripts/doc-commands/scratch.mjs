// Owns the folder that the lines of a page are run in: images under the names that the docs use, and stand-ins for what is not
// here: `qcow` and `npm start` are this checkout's program, `ssh` and `aws` a shell on the same machine.
// Does not own the lines.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../workspace.mjs";

const PROGRAM = join(root, "packages", "cli", "bin", "run.js");
const TOUR = join(root, "scripts", "tour.mjs");
const PSK = `alice:${"5a".repeat(32)}\n`;
const ZEROS = 2 * 1024 * 1024;

/** Programs that stand in for others. `exec` lets a signal reach the program itself. */
const STAND_INS = {
  qcow: `exec '${process.execPath}' '${PROGRAM}' "$@"`,
  // What `npm start` installs and builds first is there already.
  npm: `[ "$1" = start ] || { echo "only npm start stands here" >&2; exit 1; }
shift
if [ $# = 0 ]; then
  exec '${process.execPath}' --input-type=module -e \
    "const { tour } = await import('${TOUR}'); process.exitCode = await tour('${PROGRAM}')"
fi
shift
exec '${process.execPath}' '${PROGRAM}' "$@"`,
  ssh: `shift
cd "$QCOW_DOCS_HOST" && exec sh -c "$*"`,
  aws: "exec cat > uploaded",
};

/** Makes the stand-ins in `folder`, which is to come first on PATH. */
export function makeStandIns(folder) {
  mkdirSync(folder, { recursive: true });
  for (const [name, body] of Object.entries(STAND_INS))
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

/** Makes in `folder`, once, what each page gets a copy of. `hasTool(name)` says which programs are here. */
export function makeImages(folder, hasTool) {
  const at = (name) => join(folder, name);
  const qcow = (...args) => execFileSync(process.execPath, [PROGRAM, ...args, "--quiet"], { cwd: folder });
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "sample"), at("sample"), { recursive: true });
  qcow("decode", "sample/disk.qcow2", "disk.raw");
  // A disk that has been in use: two of its eight MiB hold zeros that are stored.
  qcow("encode", "disk.raw", "disk.qcow2");
  writeFileSync(at("zeros"), Buffer.alloc(ZEROS));
  qcow("write", "disk.qcow2", "--offset", "4194304", "--input", "zeros");
  if (hasTool("qemu-img"))
    execFileSync("qemu-img", ["snapshot", "-c", "monday", "disk.qcow2"], { cwd: folder });
  for (const name of ["a.qcow2", "b.qcow2"]) cpSync(at("disk.qcow2"), at(name));
  for (const name of ["disk.raw", "disk.qcow2"])
    writeFileSync(at(`${name}.gz`), gzipSync(readFileSync(at(name))));
  for (const name of ["host/dev/vg1", "dev/vg0", "run", "var/lib/node_exporter"])
    mkdirSync(at(name), { recursive: true });
  cpSync(at("disk.qcow2"), at("host/disk.qcow2"));
  cpSync(at("disk.raw"), at("dev/vg0/disk"));
  writeFileSync(at("keys.psk"), PSK, { mode: 0o600 });
  if (hasTool("openssl")) makeCertificates(folder);
}

/** The names that docs/serving.md gives them; one certificate that signs itself is server and authority at once. */
function makeCertificates(folder) {
  const files = ["-keyout", "server-key.pem", "-out", "server-cert.pem"];
  const args = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    ...files,
  ];
  execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  cpSync(join(folder, "server-cert.pem"), join(folder, "ca-cert.pem"));
}

/** A copy of what `makeImages` made, for one page. */
export function copyImages(from, to) {
  if (existsSync(to)) throw new Error(`${to} is there already`);
  cpSync(from, to, { recursive: true });
}
