// The pages of a list. A list of one page has none.
import { html } from "../html.js";
import { texts } from "../texts.js";

const PAGE_SIZE = 20; // of the API

export function Pager({ list, page, onPage }) {
  if (!list?.previous && !list?.next) return null;
  return html`<nav class="pager" aria-label=${texts.pages.title}>
    <button type="button" class="button" disabled=${!list.previous} onClick=${() => onPage(page - 1)}>${texts.pages.previous}</button>
    <span class="quiet small numbers">${texts.pages.place(page, Math.ceil(list.count / PAGE_SIZE))}</span>
    <button type="button" class="button" disabled=${!list.next} onClick=${() => onPage(page + 1)}>${texts.pages.next}</button>
  </nav>`;
}
