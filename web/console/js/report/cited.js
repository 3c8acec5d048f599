// A text whose citations open their evidence below it.
import { formatClock } from "../format.js";
import { html, useId, useState } from "../html.js";
import { texts } from "../texts.js";
import { readCitations } from "./sources.js";

/** A paragraph, or another element, with its evidence one click away. `onSeek` moves the video to a moment. */
export function Cited({ text, sources, onSeek, as = "p", className }) {
  const [openId, setOpenId] = useState(null);
  const panel = useId();
  const parts = readCitations(text);
  const toggle = (id) => setOpenId(openId === id ? null : id);
  return html`<div class="cited">
    <${as} class=${className}>
      ${parts.map((part, index) => {
        if (part.text) return html`<bdi key=${index}>${part.text}</bdi>`;
        if (part.isInference) return html`<span key=${index} class="inference" title=${texts.evidence.inferenceHint}>${texts.evidence.inference}</span>`;
        return part.ids.map((id) => html`<${Mark} key=${`${index}-${id}`} ...${{ id, sources, panel }} isOpen=${openId === id} onToggle=${toggle} />`);
      })}
    <//>
    ${openId && html`<${Evidence} id=${panel} source=${sources.find(openId)} number=${sources.number(openId)} onSeek=${onSeek} />`}
  </div>`;
}

function Mark({ id, sources, isOpen, onToggle, panel }) {
  const number = sources.number(id);
  const label = sources.find(id)?.label ?? texts.evidence.unknown;
  return html`<button type="button" class="cite" aria-expanded=${isOpen} aria-controls=${isOpen ? panel : undefined}
    aria-label=${texts.evidence.show(number, label)} onClick=${() => onToggle(id)}>${number}</button>`;
}

function Evidence({ id, source, number, onSeek }) {
  if (!source) return html`<aside id=${id} class="evidence"><p>${texts.evidence.unknown}</p></aside>`;
  return html`<aside id=${id} class="evidence">
    <p class="evidence-kind"><span class="evidence-number">${number}</span> ${texts.evidence.kinds[source.kind]} <b><bdi>${source.label}</bdi></b></p>
    ${source.picture && html`<img src=${source.picture} alt=${source.label} loading="lazy" />`}
    ${source.text !== null && source.text !== undefined
      ? html`<p class=${source.kind === "fact" ? "evidence-value" : "evidence-quote"}><bdi>${source.text}</bdi></p>`
      : html`<p class="quiet">${texts.evidence.medium}</p>`}
    <p class="quiet">
      ${source.source && html`<bdi>${source.source}</bdi>`}
      ${source.fromS !== undefined && onSeek && html`<button type="button" class="link" onClick=${() => onSeek(source.fromS)}>${texts.timeline.seek(formatClock(source.fromS))}</button>`}
      ${source.fromS !== undefined && !onSeek && texts.evidence.at(formatClock(source.fromS))}
    </p>
  </aside>`;
}

/** On paper the evidence cannot be opened, so it stands at the end. Render this behind everything that cites. */
export function PrintedSources({ sources }) {
  return html`<section class="printed-sources">
    <h2>${texts.evidence.title}</h2>
    <ol>${sources.cited().map((id) => {
      const source = sources.find(id);
      return html`<li key=${id} value=${sources.number(id)}><bdi>${source?.label ?? texts.evidence.unknown}</bdi>: <bdi>${source?.text ?? texts.evidence.medium}</bdi></li>`;
    })}</ol>
  </section>`;
}

/** A list of texts with citations. */
export function CitedList({ items, sources, onSeek, className = "list", ordered = false }) {
  const entries = items.map((item, index) => html`<li key=${index}><${Cited} text=${item} sources=${sources} onSeek=${onSeek} /></li>`);
  return ordered ? html`<ol class=${className}>${entries}</ol>` : html`<ul class=${className}>${entries}</ul>`;
}
