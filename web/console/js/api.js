// The client of the API: JSON calls, errors in one form, and event streams read with fetch, which can send a token.
import { createParser } from "../vendor/parse.mjs";
import { getToken, reportSignedOut } from "./session/session.js";
import { texts } from "./texts.js";

const ROOT = new URL("../../../", import.meta.url);

/** A call that did not succeed. `code` is the API's, or `offline` if there was no answer. */
export class ApiError extends Error {
  constructor({ status, code, message, details, requestId, retryAfterS }) {
    super(message);
    Object.assign(this, { status, code, details, requestId, retryAfterS });
  }
}

export function newKey() {
  return crypto.randomUUID();
}

/** Call the API and return the JSON of its answer; null for an answer without a body. */
export async function call(method, path, { body, key, signal, isPublic } = {}) {
  const response = await send(method, path, { body, key, signal, isPublic, accept: "application/json" });
  return response.status === 204 ? null : response.json();
}

export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { body, ...options });

/** Read every page of a list, up to `maxPages`. */
export async function getPages(path, maxPages) {
  const results = [];
  for (let page = 1; page <= maxPages; page += 1) {
    const list = await get(`${path}?page=${page}`);
    results.push(...list.results);
    if (list.next === null) return { results, count: list.count, isComplete: true };
  }
  return { results, isComplete: false };
}

/** Save an answer as a file, under the name that the API gives it, or else under `name`. */
export async function download(path, name) {
  const response = await send("GET", path, { accept: "*/*" });
  const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
  const address = URL.createObjectURL(await response.blob());
  Object.assign(document.createElement("a"), { href: address, download: named?.[1] ?? name }).click();
  URL.revokeObjectURL(address);
}

/** A public call carries no token, even where a user is signed in. */
async function send(method, path, { body, key, signal, accept, isPublic = false, headers = {} }) {
  const token = isPublic ? null : await getToken();
  const all = { Accept: accept, ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  if (key) all["Idempotency-Key"] = key;
  let response;
  try {
    response = await fetch(new URL(path, ROOT), {
      method, headers: all, signal, credentials: "omit", body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError({ status: 0, code: "offline", message: texts.errors.offline });
  }
  if (response.ok) return response;
  throw await errorOf(response);
}

async function errorOf(response) {
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    answer = {};
  }
  if (response.status === 401) reportSignedOut();
  const retryAfterS = Number(response.headers.get("Retry-After")) || null;
  return new ApiError({
    status: response.status,
    code: answer.code ?? "unreadable_answer",
    message: answer.error ?? texts.errors.unreadable(response.status),
    details: answer.details,
    requestId: answer.request_id,
    retryAfterS,
  });
}

/**
 * Read a stream of events until it ends.
 *
 * @param onEvent receives the name and the parsed data of each event, and its id.
 * @returns the id of the last event.
 */
export async function readEvents(method, path, { body, key, lastEventId, signal, onEvent }) {
  const headers = lastEventId ? { "Last-Event-ID": lastEventId } : {};
  const response = await send(method, path, { body, key, signal, headers, accept: "text/event-stream" });
  let last = lastEventId;
  const parser = createParser({
    onEvent(event) {
      if (event.id) last = event.id;
      onEvent(event.event ?? "message", JSON.parse(event.data), event.id);
    },
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return last;
    parser.feed(value);
  }
}

export function isEnded(status) {
  return status === "COMPLETED" || status === "FAILED";
}

export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** The address of a page outside of the console, such as the description of the API. */
export function addressOf(path) {
  return new URL(path, ROOT).href;
}
