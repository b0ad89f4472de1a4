// Judges `stream-decode` on one image of the corpus, against the recorded contents. Returns what is wrong, undefined for an
// image that does not stand alone. Those it must refuse are judged too.
import { createHash } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { howItEnded } from "../corpus/command.mjs";
import { isEncrypted } from "../corpus/recorded.mjs";

const FILE_BYTES_MAX = 16 * 2 ** 40 - 65536;

export async function judgeCorpusImage(image, { cli, folder, scratch }) {
  const input = join(folder, image.top);
  const refusal = isEncrypted(image) ? "ENCRYPTED" : needsFiles(image) ? "MISSING_CAPABILITY" : undefined;
  if (refusal !== undefined) return await refused(image, input, refusal, cli);
  if (image.virtual_size > FILE_BYTES_MAX) return undefined;
  const out = join(scratch, `${image.name}.raw`);
  const run = await cli(["stream-decode", out, "--input", input]);
  try {
    if (run.exit !== 0) return [`${image.name}: ${howItEnded(run)}`];
    const wrong = await differences(image, out);
    return image.sha256 === null ? wrong : [...wrong, ...(await piped(image, input, cli))];
  } finally {
    await rm(out, { force: true });
  }
}

function needsFiles({ info }) {
  return (
    info.json["backing-filename"] !== undefined ||
    info.json["format-specific"].data["data-file"] !== undefined
  );
}

async function refused(image, input, code, cli) {
  const run = await cli(["stream-decode", "-", "--input", input], { digest: true });
  const isClear = run.exit === 1 && run.bytes === 0 && run.stderr.split("\n", 1)[0].includes(code);
  return isClear ? [] : [`${image.name} must be refused as ${code}: ${howItEnded(run)}`];
}

async function piped(image, input, cli) {
  const run = await cli(["stream-decode", "-", "--input", input], { digest: true });
  const isRight = run.sha256 === image.sha256 && run.bytes === image.virtual_size;
  return isRight ? [] : [`${image.name} to stdout: ${howItEnded(run)}, ${run.bytes} bytes`];
}

async function differences(image, out) {
  const { size } = await stat(out);
  if (size !== image.virtual_size) return [`${image.name}: ${size} bytes, not ${image.virtual_size}`];
  const runs = image.sha256 === null ? image.data_runs : [[0, size, image.sha256]];
  const file = await open(out);
  const wrong = [];
  for (const [start, length, sha256] of runs.filter(([, bytes]) => bytes > 0)) {
    const hash = createHash("sha256");
    for await (const chunk of file.createReadStream({ start, end: start + length - 1, autoClose: false }))
      hash.update(chunk);
    if (hash.digest("hex") !== sha256) wrong.push(`${image.name}: ${length} bytes at ${start} differ`);
  }
  await file.close();
  return wrong;
}
