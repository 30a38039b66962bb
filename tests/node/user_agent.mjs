// A person with a very small web browser: follows redirects, keeps cookies, fills the sign-in form, presses a
// button on the consent page, and stops where the browser would have called the client back.
import http from "node:http";
import https from "node:https";

const MAX_STEPS = 20;

/** Follow `url` until it redirects to `redirectUri`; returns the query of that redirect. */
export async function browse(url, { redirectUri, username, password, decision = "approve" }) {
  const jar = new Map();
  const target = new URL(redirectUri);
  const pages = [];
  let next = { url: new URL(url), method: "GET", site: "cross-site" };
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const reply = await send(next, jar);
    pages.push({ url: next.url.origin + next.url.pathname, status: reply.status });
    if (reply.status >= 300 && reply.status < 400 && reply.headers.location) {
      const location = new URL(reply.headers.location, next.url);
      if (location.origin === target.origin && location.pathname === target.pathname) {
        return { params: location.searchParams, pages };
      }
      next = { url: location, method: "GET", site: "same-origin" };
      continue;
    }
    const form = reply.status === 200 ? firstPostForm(reply.body) : undefined;
    if (!form) throw new Error(`stopped at ${reply.status} ${next.url.pathname}: ${plain(reply.body)}`);
    const action = new URL(form.action ?? "", next.url);
    next = { url: action, method: "POST", site: "same-origin", body: fill(form, { username, password, decision }) };
  }
  throw new Error(`no redirect to the client after ${MAX_STEPS} pages: ${JSON.stringify(pages)}`);
}

function send({ url, method, body, site }, jar) {
  const cookies = jar.get(url.hostname) ?? new Map();
  jar.set(url.hostname, cookies);
  const headers = {
    accept: "text/html,application/xhtml+xml",
    "user-agent": "Mozilla/5.0 (compatible; sign-in by test)",
    "sec-fetch-site": site,
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
  };
  if (cookies.size) headers.cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
  if (body !== undefined) {
    headers["content-type"] = "application/x-www-form-urlencoded";
    headers["content-length"] = Buffer.byteLength(body);
    headers.origin = url.origin;
  }
  const client = url.protocol === "https:" ? https : http;
  return new Promise((resolve, reject) => {
    const request = client.request(url, { method, headers, agent: false }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        for (const line of response.headers["set-cookie"] ?? []) keep(cookies, line);
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

function keep(cookies, line) {
  const [pair, ...attributes] = line.split(";").map((part) => part.trim());
  const split = pair.indexOf("=");
  const expired = attributes.some((attribute) => /^max-age=(0|-\d+)$/i.test(attribute));
  if (expired) cookies.delete(pair.slice(0, split));
  else cookies.set(pair.slice(0, split), pair.slice(split + 1));
}

function firstPostForm(html) {
  for (const [, head, inside] of html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)) {
    const form = attributes(head);
    if ((form.method ?? "get").toLowerCase() !== "post") continue;
    const tags = [...inside.matchAll(/<(input|button)\b([^>]*)>/gi)];
    return { action: form.action, fields: tags.map(([, tag, text]) => ({ tag: tag.toLowerCase(), ...attributes(text) })) };
  }
  return undefined;
}

function attributes(text) {
  const found = {};
  for (const [, name, , double, single, bare] of text.matchAll(/([\w:-]+)(\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    found[name.toLowerCase()] = unescape(double ?? single ?? bare ?? "");
  }
  return found;
}

function unescape(text) {
  const named = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, code) => {
    if (code[0] !== "#") return named[code] ?? whole;
    return String.fromCodePoint(code[1].toLowerCase() === "x" ? parseInt(code.slice(2), 16) : parseInt(code.slice(1), 10));
  });
}

function fill(form, { username, password, decision }) {
  const body = new URLSearchParams();
  const buttons = form.fields.filter((field) => field.tag === "button" || field.type === "submit");
  for (const field of form.fields) {
    if (!field.name || buttons.includes(field)) continue;
    if (field.type === "password") body.append(field.name, password ?? "");
    else if (isUsername(field)) body.append(field.name, username ?? "");
    else if (field.type !== "checkbox" || "checked" in field) body.append(field.name, field.value ?? "");
  }
  const pressed = buttons.find((button) => button.value === decision) ?? buttons.find((button) => button.name === decision);
  const button = pressed ?? buttons[0];
  if (button?.name) body.append(button.name, button.value ?? "");
  return body.toString();
}

function isUsername(field) {
  if (field.type === "hidden") return false;
  return field.autocomplete?.split(" ").includes("username") || ["username", "user", "email", "login"].includes(field.name);
}

function plain(html) {
  return html.replace(/<style[\s\S]*?<\/style>/gi, "").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim().slice(0, 400);
}
