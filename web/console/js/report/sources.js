// What a report may cite: facts, stretches of speech, media, and words of the post, each with a number for readers.
import { formatFact, nameOf } from "../format.js";

/**
 * Collect the sources of one post.
 *
 * @returns {{number: (id) => number, find: (id) => object | undefined, cited: () => string[]}}
 */
export function collectSources({ entry, post, analysis }) {
  const found = new Map();
  const facts = analysis?.metadata_used.facts ?? entry.measured?.facts ?? [];
  for (const fact of facts) {
    found.set(fact.id, { kind: "fact", label: nameOf(fact.name), text: formatFact(fact), source: inWords(fact.source, facts) });
  }
  for (const evidence of analysis?.analysis_data.evidence ?? []) {
    if (evidence.kind === "fact" && found.has(evidence.id)) continue;
    found.set(evidence.id, { kind: evidence.kind, label: nameOf(evidence.label), text: evidence.excerpt });
  }
  for (const span of analysis?.metadata_used.transcript_spans ?? []) {
    const source = found.get(span.id);
    if (source) Object.assign(source, { fromS: span.from_s, toS: span.to_s });
  }
  for (const sent of analysis?.metadata_used.media_sent ?? []) {
    const medium = post?.media.find((one) => one.id === sent.media_id);
    const source = found.get(sent.id);
    if (source) Object.assign(source, { fromS: sent.at_s ?? undefined, picture: pictureOf(medium, sent) });
  }
  const numbers = new Map();
  return {
    find: (id) => found.get(id),
    /** The ids in the order of their numbers. */
    cited: () => [...numbers.keys()],
    number(id) {
      if (!numbers.has(id)) numbers.set(id, numbers.size + 1);
      return numbers.get(id);
    },
  };
}

/** `computed from F3 and F46` with the names of these facts. */
export function inWords(source, facts) {
  return source.replace(/\bF\d+\b/g, (id) => nameOf(facts.find((fact) => fact.id === id)?.name ?? id));
}

function pictureOf(medium, sent) {
  if (!medium) return null;
  const frame = medium.frames?.find((one) => Math.abs(one.at_s - (sent.at_s ?? -1)) < 0.05);
  return frame?.url ?? medium.thumbnail_url ?? (medium.kind === "video" ? null : medium.supabase_url);
}

const CITATION = /\[([A-Z]\d{1,4}(?:,\s*[A-Z]\d{1,4})*|inference)\]/g;

/** Split a text into its words and what stands in brackets: `{text}`, `{ids}` or `{isInference}`. */
export function readCitations(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(CITATION)) {
    const before = text.slice(end, match.index);
    end = match.index + match[0].length;
    addText(parts, before);
    if (match[1] === "inference") {
      parts.push({ isInference: true });
      continue;
    }
    const ids = match[1].split(/,\s*/);
    const last = parts.at(-1);
    if (last?.ids) last.ids.push(...ids);
    else parts.push({ ids });
  }
  addText(parts, text.slice(end));
  return parts;
}

/** A full stop behind a citation moves in front of it, to the words that it ends. */
function addText(parts, text) {
  const [, stop, rest] = /^([.,;:!?]*)([^]*)$/.exec(text);
  const place = parts.findLastIndex((part) => part.text);
  if (stop && place >= 0 && parts.length > 0 && !parts.at(-1).text) parts[place].text += stop;
  else if (stop) parts.push({ text: stop });
  if (rest.trim()) parts.push({ text: rest.replace(/\s+$/, "") });
}
