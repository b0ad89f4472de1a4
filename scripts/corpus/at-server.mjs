// Owns how an image of the corpus is read from a server: the same answers are expected, under the addresses of its files;
// but one that names a file of the machine it lies on must be refused.
import { howItEnded } from "./command.mjs";
import { READING } from "./judge.mjs";

/** Aspect -> a command that opens what the image names. */
const OPENING = {
  contents: (image) => ["sha", image.top],
  map: (image) => ["map", image.top],
  chain: (image) => ["info", "--backing-chain", image.top],
};

/** The aspects of images at a server. */
export const READING_AT_SERVER = Object.fromEntries(
  Object.entries(READING).map(([name, aspect]) => [
    name,
    async (image, cli, context) =>
      name in OPENING && namesLocalFile(image)
        ? refusal(name, await cli(OPENING[name](image)))
        : aspect(image, cli, context),
  ]),
);

/** `json:` with the driver `file`: elsewhere, a name is relative to the address of the image. */
const namesLocalFile = ({ info }) => /"driver":\s*"file"/.test(info.json["backing-filename"] ?? "");

function refusal(name, run) {
  const isClear = run.exit === 1 && run.bytes === 0 && run.stderr.includes(" (CLI_REFERENCE_REFUSED)");
  return isClear ? [] : [`${name} must refuse to open a local file: ${howItEnded(run)}`];
}

/** Keys whose values are addresses. What the image itself has for a name stays as it is. */
const NAMING = ["filename", "full-backing-filename"];

/** `image` as its files are called below `url`, which ends with a slash. */
export function atServer(image, url) {
  const address = (name) => `${url}${name}`;
  const known = new Set(image.files);
  const renamed = (value) => {
    if (Array.isArray(value)) return value.map(renamed);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [
        key,
        NAMING.includes(key) && known.has(each) ? address(each) : renamed(each),
      ]),
    );
  };
  return {
    ...image,
    top: address(image.top),
    check: renamed(image.check),
    info: renamed(image.info),
    info_backing_chain: renamed(image.info_backing_chain),
  };
}
