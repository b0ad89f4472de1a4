// Asked by qcow once an address has a scheme that it does not know. Use the function that is given: this plugin may have
// copies of packages of its own.
export default async function addBackends({ registerBackendScheme }) {
  registerBackendScheme("split", async ({ location }) => {
    const { openSplit } = await import("../split-backend.js");
    return openSplit(pathOf(location));
  });
}

/** `split:///srv/disk.qcow2` and `split://disk.qcow2` are paths, as they stand. */
function pathOf(location) {
  return decodeURIComponent(location.slice("split://".length));
}
