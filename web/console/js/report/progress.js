// The steps of a running analysis, live.
import { formatUsd } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { texts } from "../texts.js";

const ORDER = ["request_created", "fetching_posts", "collecting_media", "transcribing", "displaying_content", "analysing"];
const SAME_AS = { social_data_fetched: "fetching_posts", retrying: "request_created", analysis_complete: "analysing", partial_success: "analysing" };

export function Progress({ steps, request }) {
  const sorted = [...steps].sort((a, b) => a.seq - b.seq);
  const last = sorted.at(-1);
  const seconds = useElapsed(request.updated_at, sorted.findLast((step) => step.stage === "request_created" || step.stage === "retrying"));
  const stage = SAME_AS[last?.stage] ?? last?.stage ?? ORDER[0];
  const position = ORDER.indexOf(stage);
  const progress = last?.progress ?? request.progress;
  return html`<section class="progress">
    <div class="progress-head" role="status" aria-live="polite">
      <p class="progress-now"><bdi>${last?.message ?? texts.stages.request_created}</bdi></p>
      <p class="quiet numbers">${progress} % · ${texts.request.elapsed(seconds)}${last?.cost_usd > 0 ? ` · ${texts.request.cost(formatUsd(last.cost_usd))}` : ""}</p>
    </div>
    <progress max="100" value=${progress} aria-label=${texts.request.running}></progress>
    <ol class="progress-steps">
      ${ORDER.map(
        (name, index) => html`<li key=${name} class=${index < position ? "is-done" : index === position ? "is-now" : ""}
          aria-current=${index === position ? "step" : undefined}>${texts.stages[name]}</li>`,
      )}
    </ol>
  </section>`;
}

function useElapsed(fallback, firstStep) {
  const since = new Date(firstStep?.created_at ?? fallback).getTime();
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, Math.round((now - since) / 1000));
}
