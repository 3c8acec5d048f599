// Follows the progress of a request until it ends: by Supabase Realtime where it is configured, else by the API's event
// stream, and by polling where streams do not work.
import { get, isEnded, pause, readEvents } from "../api.js";

const RECONNECT_MS = 1000;
const MAX_RECONNECT_MS = 15000;
const realtimeUrl = document.querySelector('meta[name="realtime-url"]').content;

/**
 * Follow a request that is running.
 *
 * @param onStep receives each step of the history once, in order.
 */
export async function followProgress(requestId, { signal, onStep }) {
  const progress = new RequestProgress(requestId, { signal, onStep });
  if (realtimeUrl) {
    const { followWithRealtime } = await import("./realtime.js");
    if (await followWithRealtime(realtimeUrl, progress)) return;
  }
  await followWithEvents(progress);
}

/** How far a request has come, and the last step that was passed on. */
class RequestProgress {
  constructor(requestId, { signal, onStep }) {
    Object.assign(this, { requestId, signal, onStep, lastSeq: 0 });
  }

  /** Pass a step on, unless that happened before. */
  take(step) {
    if (step.seq <= this.lastSeq || this.signal.aborted) return;
    this.lastSeq = step.seq;
    this.onStep(step);
  }

  /** Read the detail, and pass on the steps that were missed. Returns whether the request has ended. */
  async catchUp() {
    const detail = await get(`api/analysis/requests/${this.requestId}/`, { signal: this.signal });
    detail.status_history.forEach((step) => this.take(step));
    return isEnded(detail.status);
  }
}

/** A cut stream is resumed after the last step. After two failures in a row it polls until a stream works again. */
async function followWithEvents(progress) {
  const { requestId, signal } = progress;
  let failures = 0;
  let hasEnded = false;
  const onEvent = (name, data) => {
    failures = 0;
    if (name === "status") progress.take(data);
    if (name === "end") hasEnded = true;
  };
  while (!hasEnded && !signal.aborted) {
    try {
      const lastEventId = progress.lastSeq > 0 ? String(progress.lastSeq) : null;
      await readEvents("GET", `api/analysis/requests/${requestId}/events/`, { lastEventId, signal, onEvent });
    } catch (error) {
      if (error.name === "AbortError") return;
      if (isRefusal(error)) throw error;
      failures += 1;
    }
    if (hasEnded) return;
    if (failures >= 2) hasEnded = await poll(progress);
    if (!hasEnded) await pause(Math.min(RECONNECT_MS * 2 ** failures, MAX_RECONNECT_MS), signal);
  }
}

async function poll(progress) {
  try {
    return await progress.catchUp();
  } catch (error) {
    if (error.name !== "AbortError" && isRefusal(error)) throw error;
    return false;
  }
}

/** Whether a call will fail again: the request is gone, or the session has ended. */
export function isRefusal(error) {
  return error.status >= 400 && error.status < 500 && error.status !== 429;
}
