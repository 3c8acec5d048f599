// One analysis: its progress while it runs, and the report of each post as soon as it can be read.
import { call, get, isEnded, newKey, post } from "../api.js";
import { formatDateTime, formatUsd } from "../format.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { Chat } from "../panels/chat.js";
import { Note } from "../panels/note.js";
import { ConfirmButton } from "../parts/confirm.js";
import { nameOfRequest } from "../parts/request_row.js";
import { PlatformMark } from "../parts/platform.js";
import { followProgress } from "../progress/follow.js";
import { Failure, Loading } from "../parts/states.js";
import { ExportMenu } from "../report/export.js";
import { Progress } from "../report/progress.js";
import { Report } from "../report/report.js";
import { ShareButton } from "../report/share.js";
import { VerdictTag } from "../report/verdict.js";
import { go } from "../router.js";
import { texts } from "../texts.js";

const READABLE = new Set(["social_data_fetched", "displaying_content", "analysing"]);

export function RequestPage({ route }) {
  const [requestId, chosenPostId] = route.ids;
  const { request, posts, steps, error, reload } = useRequest(requestId);
  if (error && !request) return html`<section class="page"><${Failure} error=${error} onRetry=${error.status === 404 ? undefined : reload} /></section>`;
  if (!request) return html`<section class="page"><${Loading} lines=${6} /></section>`;
  const hasEnded = isEnded(request.status);
  return html`<article class="page request">
    <${Head} request=${request} reload=${reload} />
    ${!hasEnded && html`<${Progress} steps=${steps} request=${request} />`}
    ${request.status === "FAILED" && html`<${Failed} request=${request} />`}
    <${Failure} error=${error} onRetry=${reload} />
    <${Posts} request=${request} posts=${posts} chosenPostId=${chosenPostId} />
    ${hasEnded && html`<${Steps} request=${request} />`}
  </article>`;
}

/** Load a request and follow it until it ends. It is read again whenever a step makes more of it readable. */
function useRequest(requestId) {
  const [state, setState] = useState({ steps: [] });
  const [round, setRound] = useState(0);
  const reload = useMemo(() => () => setRound((number) => number + 1), []);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const update = (change) => !signal.aborted && setState((before) => ({ ...before, ...change }));
    const read = async () => {
      const [request, list] = await Promise.all([
        get(`api/analysis/requests/${requestId}/`, { signal }),
        get(`api/social/posts/analysis/${requestId}/`, { signal }),
      ]);
      update({ request, posts: list.results, steps: request.status_history, error: undefined });
      return request;
    };
    const onStep = (step) => {
      setState((before) => ({ ...before, steps: [...before.steps.filter((one) => one.seq !== step.seq), step] }));
      if (READABLE.has(step.stage)) read().catch(() => undefined); // the end of the stream reads it once more
    };
    const run = async () => {
      const request = await read();
      if (isEnded(request.status)) return;
      await followProgress(requestId, { signal, onStep });
      if (!signal.aborted) await read();
    };
    run().catch((error) => error.name !== "AbortError" && update({ error }));
    return () => controller.abort();
  }, [requestId, round]);
  return { ...state, reload };
}

function Head({ request, reload }) {
  const retryKey = useRef(newKey());
  const [error, setError] = useState();
  const hasEnded = isEnded(request.status);
  const canRetry = hasEnded && request.retry_count < request.max_retries && needsRetry(request);
  const attempt = (action) => async () => {
    try {
      await action();
    } catch (failure) {
      retryKey.current = newKey();
      setError(failure);
    }
  };
  const retry = attempt(async () => {
    await post(`api/analysis/requests/${request.id}/retry/`, undefined, { key: retryKey.current });
    retryKey.current = newKey();
    reload();
  });
  const remove = attempt(async () => {
    await call("DELETE", `api/analysis/requests/${request.id}/`);
    go("/history");
  });
  return html`<header class="request-head">
    <p class="eyebrow"><${PlatformMark} platform=${request.platform} /> <span>${texts.platforms[request.platform]}</span>
      <time datetime=${request.created_at}>${formatDateTime(request.created_at)}</time></p>
    <h1><bdi>${nameOfRequest(request)}</bdi></h1>
    <div class="request-actions">
      ${canRetry && html`<button type="button" class="button" onClick=${retry}>${texts.request.retry}</button>`}
      ${hasEnded && request.posts.length > 0 && html`<${ShareButton} key=${request.is_shared} request=${request} />
      <${ExportMenu} request=${request} onError=${setError} />
      <button type="button" class="button" onClick=${() => window.print()}>${texts.request.print}</button>`}
      ${hasEnded && html`<${ConfirmButton} label=${texts.request.remove} question=${texts.request.removeQuestion}
        yes=${texts.request.removeYes} no=${texts.request.cancel} onConfirm=${remove} />`}
    </div>
    <${Failure} error=${error} />
  </header>`;
}

function needsRetry(request) {
  return request.status === "FAILED" || request.posts.some((one) => one.is_partial || one.state === "FAILED");
}

function Failed({ request }) {
  const left = request.max_retries - request.retry_count;
  return html`<section class="failure" role="alert">
    <h2>${texts.request.failedTitle}</h2>
    <p class="failure-message"><bdi>${request.error}</bdi></p>
    <p class="quiet">${left > 0 ? texts.request.retriesLeft(left) : texts.request.noRetries}</p>
  </section>`;
}

function Posts({ request, posts = [], chosenPostId }) {
  if (request.posts.length === 0) return null;
  const chosen = request.posts.find((one) => one.post_id === chosenPostId) ?? request.posts[0];
  const analysis = request.post_analyses.find((one) => one.post_id === chosen.post_id);
  const panels = (parts) => html`<${Chat} analysisId=${analysis.id} ...${parts} /><${Note} analysisId=${analysis.id} />`;
  return html`
    ${request.posts.length > 1 && html`<${PostTabs} request=${request} posts=${posts} chosen=${chosen} />`}
    <${Report} key=${chosen.url} entry=${chosen} post=${posts.find((one) => one.id === chosen.post_id)} analysis=${analysis}
      aside=${analysis && isEnded(request.status) ? panels : undefined} />
  `;
}

function PostTabs({ request, posts, chosen }) {
  return html`<nav class="post-tabs" aria-label=${texts.request.posts}>
    ${request.posts.map((entry, index) => {
      const post = posts.find((one) => one.id === entry.post_id);
      return html`<a key=${entry.url} href=${`#/requests/${request.id}${entry.post_id ? `/${entry.post_id}` : ""}`}
        aria-current=${entry === chosen ? "true" : undefined}>
        <span class="post-tab-name"><bdi>${post?.details?.title || post?.content || entry.url.replace(/^https?:\/\/(www\.)?/, "") || index + 1}</bdi></span>
        <${VerdictTag} verdict=${entry.measured?.verdict} />
        ${entry.state === "FAILED" && html`<span class="tag tag-failed">${texts.status.FAILED}</span>`}
      </a>`;
    })}
  </nav>`;
}

function Steps({ request }) {
  return html`<details class="fold no-print">
    <summary>${texts.request.history}</summary>
    <ol class="steps-list">
      ${request.status_history.map(
        (step) => html`<li key=${step.seq}>
          <time class="quiet" datetime=${step.created_at}>${formatDateTime(step.created_at)}</time>
          <bdi>${step.message}</bdi>
          ${step.cost_usd > 0 && html`<span class="quiet">${formatUsd(step.cost_usd)}</span>`}
        </li>`,
      )}
    </ol>
  </details>`;
}
