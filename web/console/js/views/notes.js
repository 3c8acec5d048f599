// All notes, with the API's search.
import { get } from "../api.js";
import { formatAgo } from "../format.js";
import { html, useState } from "../html.js";
import { Pager } from "../parts/pager.js";
import { PlatformMark } from "../parts/platform.js";
import { SearchField } from "../parts/search_field.js";
import { Empty, Failure, Loading, useData } from "../parts/states.js";
import { texts } from "../texts.js";

export function Notes() {
  const [{ search, page }, setShown] = useState({ search: "", page: 1 });
  const query = new URLSearchParams({ page: String(page), ...(search && { search }) });
  const { data, error, reload } = useData((signal) => get(`api/analysis/notes/?${query}`, { signal }), [search, page]);
  return html`<section class="page">
    <header class="section-head"><h1>${texts.notes.title}</h1></header>
    <div class="filters"><${SearchField} label=${texts.notes.search} words=${search} onSearch=${(words) => setShown({ search: words, page: 1 })} /></div>
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
    <${Pager} list=${data} page=${page} onPage=${(number) => setShown({ search, page: number })} />
  </section>`;
}
