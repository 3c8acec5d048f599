// The suggestions of a report. Each can be marked as done with the URL of the new post, and shows how that post did.
import { call, newKey, post } from "../api.js";
import { formatDate, formatNumber, formatRatio, safeAddress } from "../format.js";
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { Failure } from "../parts/states.js";
import { go } from "../router.js";
import { texts } from "../texts.js";
import { Cited, CitedList } from "./cited.js";

/** Suggestions without rows, as of a shared report, are a list that nobody can mark. */
export function Suggestions({ analysis, sources, onSeek }) {
  const rows = analysis.suggestions ?? [];
  if (rows.length === 0) {
    return html`<${CitedList} items=${analysis.suggestions_for_future_posts} ordered className="cards" ...${{ sources, onSeek }} />`;
  }
  return html`<ol class="cards">${rows.map(
    (row) => html`<li key=${row.id} class="suggestion"><${Cited} text=${row.text} ...${{ sources, onSeek }} /><${FollowUp} suggestion=${row} /></li>`,
  )}</ol>`;
}

function FollowUp({ suggestion }) {
  const [followUp, setFollowUp] = useState(suggestion.follow_up);
  const [state, setState] = useState({});
  const key = useRef(newKey());
  useEffect(() => setFollowUp(suggestion.follow_up), [suggestion.follow_up]);
  const path = `api/analysis/suggestions/${suggestion.id}/done/`;
  const run = (action) => async () => {
    setState({ isBusy: true });
    try {
      await action();
      setState({});
    } catch (error) {
      setState({ error });
    }
  };
  const mark = (url) => run(async () => setFollowUp((await post(path, { url })).follow_up))();
  const undo = run(async () => {
    await call("DELETE", path);
    setFollowUp(null);
  });
  const analyse = run(async () => {
    const { requests } = await post("api/analysis/analyze/", { post_urls: [followUp.url] }, { key: key.current });
    key.current = newKey();
    go(`/requests/${requests[0].id}`);
  });
  return html`<div class="follow-up">
    ${followUp ? html`<${Done} ...${{ followUp, undo, analyse }} isBusy=${state.isBusy} />` : html`<${Form} onMark=${mark} isBusy=${state.isBusy} />`}
    <${Failure} error=${state.error} />
  </div>`;
}

function Form({ onMark, isBusy }) {
  const [url, setUrl] = useState("");
  const field = useId();
  const submit = (event) => {
    event.preventDefault();
    onMark(url.trim());
  };
  return html`<details class="no-print">
    <summary>${texts.followUp.question}</summary>
    <form class="follow-up-form" onSubmit=${submit}>
      <label for=${field}>${texts.followUp.label}</label>
      <input id=${field} type="text" inputmode="url" autocomplete="off" placeholder="https://" value=${url} onInput=${(event) => setUrl(event.target.value)} />
      <button type="submit" class="button" disabled=${isBusy || url.trim() === ""}>${texts.followUp.mark}</button>
    </form>
  </details>`;
}

function Done({ followUp, undo, analyse, isBusy }) {
  const address = safeAddress(followUp.url);
  return html`
    <p class="follow-up-done"><span class="tag tag-on">${texts.followUp.done}</span> <time class="quiet" datetime=${followUp.done_at}>${formatDate(followUp.done_at)}</time>
      ${address && html`<a href=${address} target="_blank" rel="noreferrer"><bdi>${address.replace(/^https?:\/\/(www\.)?/, "")}</bdi></a>`}</p>
    ${followUp.result ? html`<${Result} result=${followUp.result} />` : html`<p class="quiet">${texts.followUp.notAnalysed}</p>`}
    <p class="follow-up-actions no-print">
      <button type="button" class="button" disabled=${isBusy} onClick=${analyse}>${followUp.result ? texts.followUp.again : texts.followUp.analyse}</button>
      <button type="button" class="link" disabled=${isBusy} onClick=${undo}>${texts.followUp.undo}</button>
    </p>
  `;
}

function Result({ result }) {
  return html`<dl class="follow-up-result">
    <div><dt>${texts.followUp.verdict}</dt><dd>${result.is_viral ? texts.verdict.viral : texts.verdict.notViral}</dd></div>
    <div><dt>${texts.followUp.score}</dt><dd class="numbers">${result.score.toFixed(2)}
      ${result.score_change !== null && html` <span class="quiet">${texts.followUp.scoreChange(signed(result.score_change))}</span>`}</dd></div>
    ${result.outlier_ratio !== null && html`<div><dt>${texts.followUp.ratio}</dt><dd class="numbers">${formatRatio(result.outlier_ratio)}
      ${result.outlier_ratio_change !== null && html` <span class="quiet">${texts.followUp.ratioChange(formatRatio(result.outlier_ratio_change))}</span>`}</dd></div>`}
    <div><dt>${texts.followUp.measured}</dt><dd>${formatDate(result.measured_at)} <a href=${`#/requests/${result.request_id}/${result.post_id}`}>${texts.followUp.report}</a></dd></div>
  </dl>`;
}

const signed = (value) => `${value > 0 ? "+" : value < 0 ? "−" : "±"}${formatNumber(Math.abs(value))}`;
