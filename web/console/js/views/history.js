// All analyses, newest first; the API searches and filters them. Running ones are refreshed.
import { get, isEnded } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { Pager } from "../parts/pager.js";
import { RequestRow } from "../parts/request_row.js";
import { SearchField } from "../parts/search_field.js";
import { Empty, Failure, Loading, useData } from "../parts/states.js";
import { texts } from "../texts.js";

const REFRESH_MS = 3000;
const STATUSES = { all: [], running: ["PENDING", "PROCESSING"], done: ["COMPLETED"], failed: ["FAILED"] };
const EVERYTHING = { search: "", status: "all", platform: "", page: 1 };

/** What was shown last, for the way back from a report. */
let remembered = EVERYTHING;

export function History() {
  const [shown, setShown] = useState(remembered);
  const { data, error, isLoading, reload } = useData((signal) => get(`api/analysis/requests/?${queryOf(shown)}`, { signal }), [shown]);
  const show = (change) => {
    remembered = { ...remembered, page: 1, ...change };
    setShown(remembered);
  };
  useRefresh(data, reload);
  const isEverything = shown.search + shown.platform === "" && shown.status === "all";
  return html`<section class="page">
    <header class="section-head"><h1>${texts.history.title}</h1>${data && html`<p class="quiet small" role="status">${texts.history.count(data.count)}</p>`}</header>
    <${Filters} shown=${shown} onChange=${show} />
    <${Failure} error=${error} onRetry=${reload} />
    ${!data && !error && html`<${Loading} lines=${8} />`}
    ${data?.count === 0 && html`<${Empty}><p>${isEverything ? texts.history.none : texts.history.noMatch}</p>
      ${isEverything ? html`<a class="button button-main" href="#/">${texts.history.start}</a>` : html`<button type="button" class="button" onClick=${() => show(EVERYTHING)}>${texts.history.showAll}</button>`}<//>`}
    ${data && html`<ul class="rows" aria-busy=${isLoading}>${data.results.map((request) => html`<${RequestRow} key=${request.id} request=${request} />`)}</ul>`}
    <${Pager} list=${data} page=${shown.page} onPage=${(page) => show({ page })} />
  </section>`;
}

function queryOf({ search, status, platform, page }) {
  const query = new URLSearchParams({ page: String(page) });
  if (search) query.set("search", search);
  if (platform) query.set("platform", platform);
  for (const one of STATUSES[status]) query.append("status", one);
  return query;
}

function useRefresh(data, reload) {
  const isRunning = data?.results.some((request) => !isEnded(request.status));
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isRunning]);
}

function Filters({ shown, onChange }) {
  return html`<div class="filters">
    <${SearchField} label=${texts.history.search} words=${shown.search} onSearch=${(search) => onChange({ search })} />
    <select aria-label=${texts.history.platform} value=${shown.platform} onChange=${(event) => onChange({ platform: event.target.value })}>
      <option value="">${texts.history.everyPlatform}</option>
      ${Object.entries(texts.platforms).map(([platform, name]) => html`<option key=${platform} value=${platform}>${name}</option>`)}
    </select>
    <div class="segments" role="group" aria-label=${texts.history.status}>
      ${Object.keys(STATUSES).map(
        (name) => html`<button key=${name} type="button" aria-pressed=${shown.status === name} onClick=${() => onChange({ status: name })}>
          ${texts.history.statuses[name]}
        </button>`,
      )}
    </div>
  </div>`;
}
