// Owns the text of nginx's configuration: which folder is served where, and with which habit. Starts nothing.

/** What the guarded places want to see. */
export const CREDENTIALS = { user: "reader", password: "correct horse", token: "s3cret-token" };

/**
 * A configuration for a server of its own in `prefix`. `folders` maps a name to a folder; each is served plainly below
 * `/NAME/`, and with habits below `/HABIT/NAME/`. The second port is another origin. Every answer is logged as a line of JSON.
 */
export function configuration({ prefix, port, otherPort, folders, runsAsRoot }) {
  const served = Object.entries(folders);
  const plain = served.map(([name, folder]) => `location /${name}/ { alias "${folder}/"; }`);
  const habits = Object.entries(HABITS).flatMap(([habit, { rules }]) =>
    served.map(
      ([name, folder]) =>
        `location /${habit}/${name}/ { ${rules({ prefix, port, otherPort, name, folder, habit })} }`,
    ),
  );
  return `${MAIN({ prefix, runsAsRoot })}
http {
  ${TEMPORARY.map((kind) => `${kind}_temp_path "${prefix}/temporary-${kind}";`).join("\n  ")}
  log_format line escape=json '${LOG_LINE}';
  access_log "${prefix}/access.log" line;
  default_type application/octet-stream;
  sendfile on;
  keepalive_requests 100000;
  limit_req_zone $server_port zone=some:1m rate=20r/s;
  server {
    listen 127.0.0.1:${port};
    ${[...plain, ...habits].join("\n    ")}
    location /mark/ { return 204; }
  }
  server {
    listen 127.0.0.1:${otherPort};
    ${plain.join("\n    ")}
  }
}
`;
}

const MAIN = ({ prefix, runsAsRoot }) => `daemon off;
${runsAsRoot ? "user root;" : ""}
pid "${prefix}/pid";
error_log "${prefix}/error.log";
worker_processes 1;
events { worker_connections 1024; }`;

const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

const LOG_LINE = [
  '{"method":"$request_method"',
  '"uri":"$request_uri"',
  '"port":$server_port',
  '"status":$status',
  '"bytes":$body_bytes_sent',
  '"range":"$http_range"',
  '"authorization":"$http_authorization"}',
].join(",");

const alias = ({ folder }) => `alias "${folder}/";`;

/** Habit -> the rules of its locations. What is to be expected of it, habits.mjs says. */
const HABITS = {
  password: {
    rules: (place) => `auth_basic "images"; auth_basic_user_file "${place.prefix}/users"; ${alias(place)}`,
  },
  bearer: {
    rules: (place) =>
      `if ($http_authorization != "Bearer ${CREDENTIALS.token}") { return 401; } ${alias(place)}`,
  },
  moved: { rules: ({ habit, name }) => `rewrite ^/${habit}/${name}/(.*)$ /${name}/$1 redirect;` },
  elsewhere: {
    rules: ({ habit, name, otherPort }) =>
      `rewrite ^/${habit}/${name}/(.*)$ http://127.0.0.1:${otherPort}/${name}/$1 redirect;`,
  },
  circle: { rules: ({ habit, name }) => `rewrite ^(/${habit}/${name}/.*)$ $1x redirect;` },
  gzip: { rules: (place) => `${GZIP} ${alias(place)}` },
  /** A proxy that wants everything compressed, whoever asks. */
  "gzip-always": {
    rules: ({ name, port }) =>
      `proxy_set_header Accept-Encoding gzip; proxy_http_version 1.1; proxy_pass http://127.0.0.1:${port}/gzip/${name}/;`,
  },
  "gzip-claimed": { rules: (place) => `add_header Content-Encoding gzip; ${alias(place)}` },
  limited: { rules: (place) => `limit_req zone=some burst=2 nodelay; limit_req_status 429; ${alias(place)}` },
  unavailable: { rules: () => "add_header Retry-After 1 always; return 503;" },
  whole: { rules: (place) => `max_ranges 0; ${alias(place)}` },
  "head-refused": { rules: (place) => `if ($request_method = HEAD) { return 403; } ${alias(place)}` },
  slow: { rules: (place) => `limit_rate 512k; ${alias(place)}` },
};

const GZIP = "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0;";
