// Loading, empty and failed states, and the hook that loads data for a view.
import { ApiError } from "../api.js";
import { html, useCallback, useEffect, useState } from "../html.js";
import { texts } from "../texts.js";

/**
 * Load data for a view.
 *
 * @param load receives a signal that aborts when the view no longer needs the data.
 * @returns {{data, error, isLoading, reload, setData}}
 */
export function useData(load, keys) {
  const [state, setState] = useState({ isLoading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    setState((before) => ({ ...before, isLoading: true, error: undefined }));
    load(controller.signal).then(
      (data) => !controller.signal.aborted && setState({ data, isLoading: false }),
      (error) => !controller.signal.aborted && setState((before) => ({ ...before, error, isLoading: false })),
    );
    return () => controller.abort();
  }, [...keys, round]);
  const reload = useCallback(() => setRound((number) => number + 1), []);
  const setData = useCallback((data) => setState({ data, isLoading: false }), []);
  return { ...state, reload, setData };
}

export function Loading({ lines = 3 }) {
  return html`<div class="skeleton" role="status" aria-label=${texts.loading}>
    ${Array.from({ length: lines }, (_, index) => html`<span key=${index} class="skeleton-line"></span>`)}
  </div>`;
}

/** Says what happened and what to do. */
export function Failure({ error, onRetry }) {
  if (!error) return null;
  if (!(error instanceof ApiError)) console.error(error);
  const message = error instanceof ApiError ? error.message : texts.errors.crash;
  return html`<div class="failure" role="alert">
    <p class="failure-message"><bdi>${message}</bdi></p>
    <${Details} details=${error.details} />
    ${error.retryAfterS && html`<p>${texts.errors.wait(error.retryAfterS)}</p>`}
    <p class="failure-actions">
      ${onRetry && html`<button type="button" class="button" onClick=${onRetry}>${texts.retry}</button>`}
      ${error.code === "usage_limit_reached" && html`<a class="button" href="#/usage">${texts.errors.limit}</a>`}
      ${["usage_limit_reached", "max_urls_exceeded"].includes(error.code) &&
      html`<a class="button" href="#/plan">${texts.errors.upgrade}</a>`}
      ${error.requestId && html`<small class="quiet">${texts.errors.reference(error.requestId)}</small>`}
    </p>
  </div>`;
}

/** The values behind an error: a list of problems, each with the URL or the field that it is about. */
function Details({ details }) {
  if (!Array.isArray(details) || details.length === 0) return null;
  return html`<ul class="failure-details">
    ${details.map(
      (detail, index) => html`<li key=${index}>
        <bdi class="mono">${detail.url ?? detail.field ?? ""}</bdi> <bdi>${detail.error ?? detail.reason ?? detail.problem ?? ""}</bdi>
      </li>`,
    )}
  </ul>`;
}

export function Empty({ children }) {
  return html`<div class="empty">${children}</div>`;
}
