// Everything measured, what no public source shows, what is missing, what was refused, and how the report was made.
import { formatDateTime, formatFact, formatNumber, formatUsd, nameOf } from "../format.js";
import { html } from "../html.js";
import { inWords } from "./sources.js";
import { texts } from "../texts.js";

export function FactTable({ entry, analysis }) {
  const facts = analysis?.metadata_used.facts ?? entry.measured.facts;
  const hidden = analysis?.metadata_used.not_observable ?? entry.measured?.not_observable ?? [];
  return html`
    <details class="fold">
      <summary>${texts.report.facts} <span class="quiet">${facts.length}</span></summary>
      ${entry.measured?.measured_at && html`<p class="quiet">${texts.report.factsLead(formatDateTime(entry.measured.measured_at))}</p>`}
      <div class="table-scroll"><table>
        <thead><tr><th>${texts.report.columns.fact}</th><th>${texts.report.columns.value}</th><th>${texts.report.columns.source}</th></tr></thead>
        <tbody>${facts.map(
          (fact) => html`<tr key=${fact.id}><th scope="row">${nameOf(fact.name)}</th><td class="numbers"><bdi>${formatFact(fact)}</bdi></td><td class="quiet"><bdi>${inWords(fact.source, facts)}</bdi></td></tr>`,
        )}</tbody>
      </table></div>
    </details>
    ${hidden.length > 0 && html`<details class="fold">
      <summary>${texts.report.hidden} <span class="quiet">${hidden.length}</span></summary>
      <dl class="pairs">${hidden.map((one) => html`<div key=${one.name}><dt>${nameOf(one.name)}</dt><dd><bdi>${one.reason}</bdi></dd></div>`)}</dl>
    </details>`}
  `;
}

export function Method({ analysis }) {
  const used = analysis.metadata_used;
  const refused = analysis.analysis_data.refused_claims;
  if (!used.model && used.stand_ins.length + used.gaps.length === 0) return null; // a shared report names no model
  return html`
    ${refused.length > 0 && html`<details class="fold">
      <summary>${texts.report.refused} <span class="quiet">${refused.length}</span></summary>
      <p class="quiet">${texts.report.refusedLead}</p>
      <ul class="list">${refused.map((claim, index) => html`<li key=${index}><bdi>${claim.text ?? nameOf(claim.field)}</bdi> <span class="quiet"><bdi>${claim.reasons.join("; ")}</bdi></span></li>`)}</ul>
    </details>`}
    <details class="fold">
      <summary>${texts.report.method}</summary>
      ${used.model && html`<p><bdi>${texts.report.model(used.model, used.provider)}</bdi> ${texts.report.tokens(formatNumber(used.input_tokens), formatNumber(used.output_tokens))}
        ${used.cost_usd !== null && ` ${formatUsd(used.cost_usd)}.`}</p>`}
      ${used.stand_ins.length > 0 && html`<p class="hint">${texts.request.standInHint(used.stand_ins.join(", "))}</p>`}
      ${used.gaps.length > 0 && html`<h3>${texts.report.gaps}</h3><ul class="list">${used.gaps.map((gap) => html`<li key=${gap}><bdi>${gap}</bdi></li>`)}</ul>`}
    </details>
  `;
}
