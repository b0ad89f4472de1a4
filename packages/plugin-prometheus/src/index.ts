// The public names of this package, for programs that serve or keep metrics themselves; qcow takes the hook extensions.ts.

export { type Endpoint, type MetricsText, openEndpoint } from "./endpoint.js";
export type { ListenAddress } from "./listen-address.js";
export { writeWhole } from "./text-file.js";
