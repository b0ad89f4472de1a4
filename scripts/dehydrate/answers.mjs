// Owns what is asked of an image before and after: the whole report of a check with all findings, and the map over its chain
// of backing files. In one process, because starting one costs more than most of the answers.
import { openReadable } from "../../packages/backend-node/dist/index.js";
import { openImage } from "../../packages/cli-kit/dist/index.js";
import { checkImage } from "../../packages/engine/dist/index.js";

/** The report of a check, or how it failed. */
export async function checkAnswer(path) {
  const file = await openReadable(path);
  try {
    return await checkImage(file);
  } catch (error) {
    return failure(error);
  } finally {
    await file.close();
  }
}

/** All extents of the disk, or how it failed. */
export async function mapAnswer(path) {
  try {
    const image = await openImage(path, { policy: "same-dir" });
    try {
      const extents = [];
      for await (const batch of image.reader.mapBatches({ offset: 0, length: image.reader.virtualSize }))
        extents.push(batch);
      return extents;
    } finally {
      await image.close();
    }
  } catch (error) {
    return failure(error);
  }
}

/** Files are named by where they lie, which is another folder for each of the two. */
const failure = ({ code, message }) => ({ code, message: message.replace(/\/\S*\//g, "") });
