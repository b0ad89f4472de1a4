// Owns the aspects compared with what qemu-img answered: check, map, info and the backing chain.
// Each returns lines of differences; an empty list is a pass, undefined means there was nothing to compare.
import { howItEnded } from "./command.mjs";
import { differences } from "./difference.mjs";
import { isEncrypted } from "./recorded.mjs";

/** `check --json`: exit code and document. Encrypted images were checked under an option string as file name. */
export async function check(image, cli) {
  const expected = isEncrypted(image) ? { ...image.check.json, filename: image.top } : image.check.json;
  const run = await cli(["check", "--json", image.top]);
  const exit =
    run.exit === image.check.exit ? [] : [`check: expected exit ${image.check.exit}, ${howItEnded(run)}`];
  return [...exit, ...document("check", run, (actual) => differences(expected, actual))];
}

/** `map --json`, the form for files without holes: what the tables alone say. */
export async function map(image, cli) {
  return answered("map", image.map, await cli(["map", "--json", image.top]), {});
}

/** `info --json` may say more than qemu-img; what qemu-img says must be there. Disk usage is the host's. */
export async function info(image, cli) {
  const run = await cli(["info", "--json", image.top]);
  return answered("info", image.info, run, { subset: true, except: ["actual-size"] });
}

/** `info --backing-chain --json`, where it was recorded. */
export async function chain(image, cli) {
  if (image.info_backing_chain === undefined) return undefined;
  const run = await cli(["info", "--backing-chain", "--json", image.top]);
  return answered("info --backing-chain", image.info_backing_chain, run, {
    subset: true,
    except: ["actual-size"],
  });
}

function answered(name, recorded, run, how) {
  const exit =
    run.exit === recorded.exit ? [] : [`${name}: expected exit ${recorded.exit}, ${howItEnded(run)}`];
  return [...exit, ...document(name, run, (actual) => differences(recorded.json, actual, how))];
}

function document(name, run, compare) {
  const text = run.text.toString();
  try {
    return compare(JSON.parse(text)).map((line) => `${name} ${line}`);
  } catch {
    return [
      `${name}: stdout is not one JSON document: ${JSON.stringify(text.slice(0, 120))} (${howItEnded(run)})`,
    ];
  }
}
