/** What was done on the page, as curl and as Python: whatever a text holds, a shell or Python reads it as that text. */

import { BASE } from "./api.js";
import { shared } from "./state.js";

const MOST = 30;

/** The latest requests first: `{method, path, fields, file}`. */
export const done = shared([]);

export function noted(request) {
  const text = JSON.stringify(request);
  done.set((before) => [request, ...before.filter((each) => JSON.stringify(each) !== text)].slice(0, MOST));
}

/** A command for a shell; the key comes from the environment, and is in no text. */
export function curlOf({ method = "POST", path, fields = {}, file = null, certificate = null }, hasKey = false) {
  const url = shellText(new URL(path, BASE).href);
  const key = hasKey ? ['-H "Authorization: Bearer $ROBUSTIFY_KEY"'] : [];
  if (certificate) return verifying(certificate, file, url);
  if (file) return joined(["curl", ...key, `-F image=${shellText(`@${curlFile(file)}`)}`, ...formWords(fields), url]);
  if (method !== "POST" && method !== "PUT") return joined(["curl", ...(method === "GET" ? [] : [`-X ${method}`]), ...key, url]);
  const json = ["-H 'Content-Type: application/json'", `-d ${shellText(JSON.stringify(fields))}`];
  return joined(["curl", ...(method === "PUT" ? ["-X PUT"] : []), ...key, ...json, url]);
}

/** A certificate goes as it stands in its file: a pipe writes the body around it. */
function verifying(certificate, file, url) {
  const image = file ? ` printf ', "image": "'; base64 -w0 ${shellText(asFile(file))}; printf '"';` : "";
  const body = `{ printf '{"certificate": '; cat ${shellText(asFile(certificate))};${image} printf '}'; }`;
  return joined([`${body} |`, "curl -H 'Content-Type: application/json' --data-binary @-", url]);
}

/** The same with the client for Python. */
export function pythonOf({ method = "POST", path, fields = {}, file = null, certificate = null }, hasKey = false) {
  const url = pythonText(BASE.href.replace(/\/$/, ""));
  const key = hasKey ? ', os.environ["ROBUSTIFY_KEY"]' : "";
  const head = `${hasKey ? "import os\n\n" : ""}from robustify_client import Client\n\nclient = Client(${url}${key})\n`;
  if (certificate) return `${head}print(client.verify(${[certificate, file].filter(Boolean).map(pythonText).join(", ")}))\n`;
  return `${head}${callOf(method, path, fields, file)}\n`;
}

function callOf(method, path, fields, file) {
  const [first, id = "", last = ""] = path.split("/").map(decodeURIComponent);
  if (first === "tasks" && method === "DELETE") return `client.delete_task(${pythonText(id)})`;
  if (first === "tasks") return `print(client.use_version(${pythonText(id)}, ${fields.version}))`;
  if (last === "certificate.json") return `print(client.job(${pythonText(id)}).certificate().decode())`;
  const { labels, name, target_radius: radius, ...others } = fields;
  const given = [
    ...(file ? [pythonText(file)] : []),
    ...(name === undefined ? [] : [pythonText(name)]),
    ...(labels ? [pythonValue(labels)] : []),
    ...(radius === undefined ? [] : [`target_radius=${radius}`]),
    ...Object.entries(others).map(([field, value]) => `${field}=${pythonValue(value)}`),
  ];
  // Whatever else is asked has the client's method by the name of its path.
  return `print(client.${path}(${given.join(", ")}))`;
}

/** `--form-string` takes a value as it is: with `-F` one that begins with @ or < would name a file. */
function formWords(fields) {
  return Object.entries(fields).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => `--form-string ${shellText(`${name}=${each}`)}`),
  );
}

/** A file's name as curl reads it in -F, where ; and , would end it. */
function curlFile(name) {
  return `"${name.replace(/[\\"]/g, "\\$&")}"`;
}

/** A name that begins as an option does is none. */
function asFile(name) {
  return name.startsWith("-") ? `./${name}` : name;
}

function shellText(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

/** A literal of JSON is one of Python, but for signs that JSON writes as two. */
function pythonText(text) {
  return JSON.stringify(text).replace(/[\u{7f}-\u{10ffff}]/gu, (sign) => {
    const code = sign.codePointAt(0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

function pythonValue(value) {
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  return typeof value === "string" ? pythonText(value) : String(value);
}

function joined(words) {
  return words.join(" \\\n  ");
}
