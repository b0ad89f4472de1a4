// Owns comparing two JSON values and saying where they differ. Does not know which values are expected where.

/**
 * Differences as lines `path: expected …, got …`. With `subset: true` the actual value may have more keys than
 * the expected one (arrays still have equal length). Keys named in `except` are ignored at every depth.
 */
export function differences(expected, actual, { path = "$", subset = false, except = [] } = {}) {
  const deeper = (key) => ({ path: `${path}${key}`, subset, except });
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const found =
      expected.length === actual.length
        ? []
        : [`${path}: expected ${expected.length} elements, got ${actual.length}`];
    const shared = Math.min(expected.length, actual.length);
    for (let i = 0; i < shared; i++) found.push(...differences(expected[i], actual[i], deeper(`[${i}]`)));
    return found;
  }
  if (!isRecord(expected) || !isRecord(actual)) {
    return Object.is(expected, actual) ? [] : [`${path}: expected ${show(expected)}, got ${show(actual)}`];
  }
  const found = [];
  for (const key of Object.keys(expected)) {
    if (except.includes(key)) continue;
    if (Object.hasOwn(actual, key)) found.push(...differences(expected[key], actual[key], deeper(`.${key}`)));
    else found.push(`${path}.${key}: expected ${show(expected[key])}, missing`);
  }
  if (subset) return found;
  for (const key of Object.keys(actual)) {
    if (except.includes(key) || Object.hasOwn(expected, key)) continue;
    found.push(`${path}.${key}: not expected, got ${show(actual[key])}`);
  }
  return found;
}

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const show = (value) => {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
};
