// A client of Supabase Realtime for one channel: the private topic of the user, on which the database sends each step.
// Source: supabase.com/docs/guides/realtime/protocol, version 1.0.0 (2026-11-28).
import { getToken } from "../session/session.js";

const HEARTBEAT_MS = 25_000;
const JOIN_TIMEOUT_MS = 10_000;
const SILENCE_MS = 60_000;
const LAST_STAGES = new Set(["analysis_complete", "partial_success", "error"]);
const key = document.querySelector('meta[name="realtime-key"]').content;

/**
 * Follow a request by Realtime.
 *
 * @returns whether the request has ended; false if Realtime cannot be used, or can no longer be used.
 */
export async function followWithRealtime(url, progress) {
  const token = await getToken();
  if (!token || progress.signal.aborted) return false;
  return new Promise((resolve) => new Following(url, progress, resolve).start(token));
}

class Following {
  constructor(url, progress, resolve) {
    Object.assign(this, { progress, resolve, ref: 0, pendingHeartbeat: null, lastNewsAt: Date.now() });
    this.socket = new WebSocket(`${url}?apikey=${encodeURIComponent(key)}&vsn=1.0.0`);
  }

  start(token) {
    this.topic = `realtime:user:${subjectOf(token)}`;
    const config = { private: true, broadcast: { ack: false, self: false }, presence: { enabled: false } };
    this.socket.onopen = () => { this.joinRef = this.send(this.topic, "phx_join", { config, access_token: token }); };
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onclose = () => this.finish(false);
    this.joinTimer = setTimeout(() => this.finish(false), JOIN_TIMEOUT_MS);
    this.progress.signal.addEventListener("abort", () => this.finish(false));
  }

  send(topic, event, payload) {
    const ref = String((this.ref += 1));
    this.socket.send(JSON.stringify({ topic, event, payload, ref, join_ref: this.joinRef ?? ref }));
    return ref;
  }

  receive({ event, topic, payload, ref }) {
    if (event === "phx_reply" && ref === this.pendingHeartbeat) this.pendingHeartbeat = null;
    if (topic !== this.topic) return;
    const isRefused = event === "phx_error" || event === "phx_close" || (event === "system" && payload.status === "error");
    if (isRefused) this.finish(false);
    else if (event === "phx_reply" && ref === this.joinRef) this.onJoinReply(payload.status);
    else if (event === "broadcast" && payload.event === "analysis_status") this.onStep(payload.payload);
  }

  onJoinReply(status) {
    if (status !== "ok") return this.finish(false);
    clearTimeout(this.joinTimer);
    this.heartbeatTimer = setInterval(() => this.beat(), HEARTBEAT_MS);
    return this.catchUp(); // steps before this moment were not sent
  }

  onStep(step) {
    if (step.request_id !== this.progress.requestId) return;
    this.lastNewsAt = Date.now();
    const isNext = step.seq <= this.progress.lastSeq + 1;
    if (isNext && !LAST_STAGES.has(step.stage)) this.progress.take(step);
    else this.catchUp();
  }

  /** Keeps the connection, renews the token, which is valid for a minute, and looks for steps that were not sent. */
  async beat() {
    if (this.pendingHeartbeat !== null) return this.finish(false);
    this.pendingHeartbeat = this.send("phoenix", "heartbeat", {});
    if (Date.now() - this.lastNewsAt > SILENCE_MS) this.catchUp();
    const token = await getToken().catch(() => null);
    if (token === null) return this.finish(false);
    if (!this.isFinished) this.send(this.topic, "access_token", { access_token: token });
    return undefined;
  }

  async catchUp() {
    this.lastNewsAt = Date.now();
    try {
      if (await this.progress.catchUp()) this.finish(true);
    } catch {
      this.finish(false); // the event stream meets the same error, and reports it
    }
  }

  finish(hasEnded) {
    if (this.isFinished) return;
    this.isFinished = true;
    clearTimeout(this.joinTimer);
    clearInterval(this.heartbeatTimer);
    this.socket.close();
    this.resolve(hasEnded);
  }
}

/** The user's id in a session token, which the server checks. */
function subjectOf(token) {
  const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(claims)).sub;
}
