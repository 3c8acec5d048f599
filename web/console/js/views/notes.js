// All notes, with the API's search.
import { get } from "../api.js";
import { formatAgo } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { PlatformMark } from "../parts/platform.js";
import { Empty, Failure, Loading, useData } from "../parts/states.js";
import { texts } from "../texts.js";

const TYPING_PAUSE_MS = 250;

export function Notes() {
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState("");
  const [page, setPage] = useState(1);
  useEffect(() => {
    const timer = setTimeout(() => { setSearch(typed.trim()); setPage(1); }, TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const query = new URLSearchParams({ page: String(page), ...(search && { search }) });
  const { data, error, reload } = useData((signal) => get(`api/analysis/notes/?${query}`, { signal }), [search, page]);
  return html`<section class="page">
    <header class="section-head"><h1>${texts.notes.title}</h1></header>
    <div class="filters"><input type="search" aria-label=${texts.notes.search} placeholder=${texts.notes.search} value=${typed} onInput=${(event) => setTyped(event.target.value)} /></div>
    <${Failure} error=${error} onRetry=${reload} />
    ${!data && !error && html`<${Loading} lines=${4} />`}
    ${data?.count === 0 && html`<${Empty}><p>${search ? texts.notes.noMatch : texts.notes.none}</p><//>`}
    <ul class="note-list">
      ${data?.results.map(
        (note) => html`<li key=${note.id}><a class="note-card" href=${`#/requests/${note.analysis_request_id}/${note.post.id}`}>
          <h2><bdi>${note.title}</bdi></h2>
          <p><bdi>${note.excerpt}</bdi></p>
          <p class="quiet small"><${PlatformMark} platform=${note.post.platform} /> <bdi>${note.post.username ?? note.post.url}</bdi> · ${formatAgo(note.updated_at)}</p>
        </a></li>`,
      )}
    </ul>
    ${(data?.previous || data?.next) && html`<p class="pager">
      <button type="button" class="button" disabled=${!data.previous} onClick=${() => setPage(page - 1)}>${texts.media.previous}</button>
      <button type="button" class="button" disabled=${!data.next} onClick=${() => setPage(page + 1)}>${texts.media.next}</button>
    </p>`}
  </section>`;
}
