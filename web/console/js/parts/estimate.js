// What an analysis would use of the plan and may cost, while its addresses are entered. Nothing is started or counted.
import { post } from "../api.js";
import { formatUsd } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { texts } from "../texts.js";

const TYPING_PAUSE_MS = 400;

/** Estimate a body of `analyze/` once it has not changed for a moment; null asks nothing. */
export function useEstimate(body) {
  const [state, setState] = useState({});
  const key = body && JSON.stringify(body);
  useEffect(() => {
    setState({});
    if (!key) return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    const timer = setTimeout(() => {
      post("api/analysis/estimate/", JSON.parse(key), { signal }).then(
        (estimate) => !signal.aborted && setState({ estimate }),
        (error) => !signal.aborted && setState({ error }),
      );
    }, TYPING_PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [key]);
  return state;
}

/** One line with what the call uses, and a line for each reason why it would be refused. */
export function Estimate({ estimate, error }) {
  if (error) return html`<p class="estimate quiet" role="status"><bdi>${error.message}</bdi></p>`;
  if (!estimate) return html`<p class="estimate" role="status"></p>`;
  const refusals = refusalsOf(estimate);
  return html`<div class="estimate" role="status">
    ${refusals.length === 0 && html`<p>${usesOf(estimate)} <span class="quiet">${costOf(estimate)}</span></p>`}
    ${refusals.map((words, index) => html`<p key=${index} class="estimate-refusal"><bdi>${words}</bdi></p>`)}
    ${estimate.refusals.some((one) => one === "usage_limit_reached" || one === "max_urls_exceeded") && html`<p><a href="#/plan">${texts.errors.upgrade}</a></p>`}
  </div>`;
}

function usesOf({ platforms }) {
  const uses = platforms.map((one) => {
    const analyses = texts.estimate.uses(one.analyses_needed, one.analyses_left, texts.platforms[one.platform]);
    return one.handles_needed > 0 ? `${analyses}${texts.estimate.andHandle(one.handles_left)}` : analyses;
  });
  return texts.estimate.all(uses.join(", "));
}

function costOf({ usual_usd: usual, max_usd: max }) {
  return usual === null ? texts.estimate.most(formatUsd(max)) : texts.estimate.costs(formatUsd(usual), formatUsd(max));
}

function refusalsOf({ refusals, platforms, bad_urls: badUrls, urls_needed: needed, max_urls: max, resets_at: resetsAt }) {
  const words = badUrls.map((one) => `${one.url}: ${one.message}`);
  if (refusals.includes("max_urls_exceeded")) words.push(texts.home.tooMany(needed, max));
  for (const one of platforms) {
    const name = texts.platforms[one.platform];
    if (!one.is_active) words.push(texts.estimate.unavailable(name));
    if (one.analyses_needed > one.analyses_left) words.push(texts.estimate.used(name, one.analyses_needed, one.analyses_left, new Date(resetsAt)));
    if (one.handles_needed > one.handles_left) words.push(texts.estimate.handlesUsed(name, new Date(resetsAt)));
  }
  return words;
}
