// The public names of this package.

export { HttpBudget, type HttpLimits } from "./budget.js";
export { HttpBackend, type HttpVersioning } from "./http-backend.js";
export type { HttpCounters, HttpEvent } from "./http-event.js";
export type { HttpAnswer, HttpAnswerHeaders, HttpFetch, HttpRequest } from "./http-fetch.js";
export type { HttpHeaders, HttpOptions, SpillBackend } from "./http-options.js";
export { openHttp } from "./open-http.js";
export { redactUrl } from "./redact.js";
