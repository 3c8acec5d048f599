// The verdict: the answer, how far the post stands out, the score against its threshold, and the reasons.
import { formatNumber, formatRatio } from "../format.js";
import { html } from "../html.js";
import { texts } from "../texts.js";
import { Cited } from "./cited.js";

export function Verdict({ verdict, facts, sources }) {
  const ratio = facts.get("outlier_ratio")?.value;
  return html`<section class=${`verdict ${verdict.is_viral ? "verdict-viral" : ""}`}>
    <h2 class="verdict-answer">${verdict.is_viral ? texts.verdict.viral : texts.verdict.notViral}</h2>
    ${ratio !== undefined && html`<p class="verdict-ratio"><b>${formatRatio(ratio)}</b> <span>${texts.verdict.times}</span></p>`}
    <${Score} verdict=${verdict} />
    <h3 class="eyebrow">${texts.verdict.reasons}</h3>
    <ul class="reasons">
      ${verdict.reasons.map((reason, index) => html`<li key=${index}><${Cited} text=${rounded(reason)} sources=${sources} /></li>`)}
    </ul>
    <p class="quiet small">${verdict.n > 0 ? texts.verdict.rule(verdict.rule, verdict.n) : texts.verdict.ruleAlone(verdict.rule)}</p>
  </section>`;
}

/** The verdict as a word, for lists of posts. */
export function VerdictTag({ verdict }) {
  if (!verdict) return null;
  return html`<span class=${verdict.is_viral ? "tag tag-on" : "tag"}>${verdict.is_viral ? texts.verdict.viral : texts.verdict.notViral}</span>`;
}

function Score({ verdict }) {
  return html`<div class="score">
    <p class="score-words"><span>${texts.verdict.score} <b class="numbers">${verdict.score.toFixed(2)}</b></span>
      <span class="tag">${texts.verdict.confidence[verdict.confidence]}</span></p>
    <div class="score-meter" aria-hidden="true">
      <span class="score-value" style=${{ width: `${Math.max(verdict.score * 100, 1)}%` }}></span>
      <span class=${`score-threshold ${verdict.threshold > 0.5 ? "score-threshold-late" : ""}`} style=${{ left: `${verdict.threshold * 100}%` }}><em>${texts.verdict.threshold(verdict.threshold)}</em></span>
    </div>
  </div>`;
}

/** Reasons quote computed numbers with many digits; readers need three or four. */
export function rounded(reason) {
  return reason.replace(/(?<![\w.[])\d+\.\d{3,}/g, (digits) => formatNumber(Number(Number(digits).toPrecision(4))));
}
