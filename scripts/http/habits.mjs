// Owns what is to be expected of each habit of a server: the right answers, or which error. Runs nothing.
import { CREDENTIALS } from "./configuration.mjs";

const { user, password, token } = CREDENTIALS;
const LOGIN = `${user}:${encodeURIComponent(password)}`;
const BEARER = { args: ["--bearer-env", "QCOW_TEST_TOKEN"], env: { QCOW_TEST_TOKEN: token } };
const WRONG_BEARER = { ...BEARER, env: { QCOW_TEST_TOKEN: "another" } };

/** What must never be printed. */
export const SECRETS = [token, password, encodeURIComponent(password), btoa(`${user}:${password}`)];

/**
 * The habits: `at` is the place in nginx's configuration, with what the program is given for it; `error` the code that it
 * must end with, or none where everything must be as it is locally.
 */
export const HABITS = [
  { name: "plain files", at: "" },
  { name: "password in the address", at: "password/", login: LOGIN },
  {
    name: "password as a header",
    at: "password/",
    args: ["--header", `Authorization: Basic ${SECRETS[3]}`],
  },
  { name: "password, none given", at: "password/", error: "BACKEND_PERMISSION" },
  { name: "bearer token", at: "bearer/", ...BEARER },
  { name: "wrong bearer token", at: "bearer/", ...WRONG_BEARER, error: "BACKEND_PERMISSION" },
  { name: "redirects on its site", at: "moved/", ...BEARER },
  { name: "redirects elsewhere", at: "elsewhere/", login: LOGIN, ...BEARER },
  { name: "redirects without end", at: "circle/", error: "HTTP_BAD_REDIRECT" },
  { name: "gzip where accepted", at: "gzip/" },
  { name: "gzip for everybody", at: "gzip-always/", error: "HTTP_BAD_ANSWER" },
  { name: "gzip claimed, not done", at: "gzip-claimed/", error: "HTTP_BAD_ANSWER" },
  { name: "limited rate (429)", at: "limited/" },
  { name: "unavailable (503)", at: "unavailable/", error: "BACKEND_IO" },
  { name: "no ranges", at: "whole/", error: "HTTP_NO_RANGES" },
  { name: "no ranges, whole taken", at: "whole/", args: ["--download-whole"] },
  { name: "HEAD refused", at: "head-refused/" },
  { name: "slow", at: "slow/" },
  { name: "no such file", at: "nowhere/", error: "BACKEND_NOT_FOUND" },
];
