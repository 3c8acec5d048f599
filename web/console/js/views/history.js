// All analyses, with search. Running ones are refreshed.
import { getPages, isEnded } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { nameOfRequest, RequestRow } from "../parts/request_row.js";
import { Empty, Failure, Loading, useData } from "../parts/states.js";
import { texts } from "../texts.js";

const REFRESH_MS = 3000;
const PAGES_AT_ONCE = 5;
const FILTERS = {
  all: () => true,
  running: (request) => !isEnded(request.status),
  viral: (request) => (request.results?.viral ?? 0) > 0,
  failed: (request) => request.status === "FAILED",
};

export function History() {
  const [pages, setPages] = useState(PAGES_AT_ONCE);
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState("all");
  const { data, error, reload } = useData(() => getPages("api/analysis/requests/", pages), [pages]);
  const isRunning = data?.results.some((request) => !isEnded(request.status));
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isRunning]);
  return html`<section class="page">
    <header class="section-head"><h1>${texts.history.title}</h1></header>
    <div class="filters">
      <input type="search" aria-label=${texts.history.search} placeholder=${texts.history.search} value=${search}
        onInput=${(event) => setSearch(event.target.value)} />
      <div class="segments" role="group">
        ${Object.keys(FILTERS).map(
          (name) => html`<button key=${name} type="button" aria-pressed=${filter === name} onClick=${() => setFilter(name)}>
            ${texts.history.filters[name]}
          </button>`,
        )}
      </div>
    </div>
    <${Failure} error=${error} onRetry=${reload} />
    ${!data && !error && html`<${Loading} lines=${8} />`}
    ${data && html`<${List} requests=${data.results.filter(FILTERS[filter]).filter((one) => matches(one, search))} hasAny=${data.results.length > 0} />`}
    ${data && !data.isComplete && html`<p class="quiet">${texts.history.incomplete(data.results.length)}
      <button type="button" class="link" onClick=${() => setPages(pages + PAGES_AT_ONCE)}>${texts.more}</button></p>`}
  </section>`;
}

function matches(request, search) {
  const haystack = [nameOfRequest(request), request.display_name, request.handle, texts.platforms[request.platform], ...request.post_urls];
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const text = haystack.join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function List({ requests, hasAny }) {
  if (!hasAny) {
    return html`<${Empty}><p>${texts.history.none}</p><a class="button button-main" href="#/">${texts.history.start}</a><//>`;
  }
  if (requests.length === 0) return html`<${Empty}><p>${texts.history.noMatch}</p><//>`;
  return html`<ul class="rows">${requests.map((request) => html`<${RequestRow} key=${request.id} request=${request} />`)}</ul>`;
}
