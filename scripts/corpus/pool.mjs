// Owns running a few jobs at a time and handing results on in the order of the input.

/** Calls `work(item)` for every item, at most `jobs` at once; `onDone(result)` sees results in input order. */
export async function inOrder(items, jobs, work, onDone) {
  const results = [];
  let next = 0;
  let handed = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = { value: await work(items[index]) };
      while (results[handed] !== undefined) onDone(results[handed++].value);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, worker));
  return results.map((result) => result.value);
}

/** Every `every`-th of `items`, or all of them: a part that is spread over the whole, and the same each time. */
export function everyNth(items, every) {
  if (!(every >= 1)) throw new Error(`--every must be 1 or more, not ${every}`);
  return items.filter((_, index) => index % every === 0);
}
