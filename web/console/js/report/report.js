// The report of one post. What is measured is shown first, and as soon as it is there.
import { html, useMemo, useRef } from "../html.js";
import { Loading } from "../parts/states.js";
import { texts } from "../texts.js";
import { Cited, CitedList, PrintedSources } from "./cited.js";
import { FactTable, Method } from "./facts.js";
import { Media } from "./media.js";
import { Numbers } from "./numbers.js";
import { Outlier } from "./outlier.js";
import { PostText } from "./post_text.js";
import { collectSources } from "./sources.js";
import { Suggestions } from "./suggestions.js";
import { Timeline } from "./timeline.js";
import { Verdict } from "./verdict.js";

/** `aside` receives `{sources, onSeek}` and returns what stands beside the report, such as the chat; without it the report stands alone. */
export function Report({ entry, post, analysis, aside }) {
  const video = useRef();
  const sources = useMemo(() => collectSources({ entry, post, analysis }), [entry, post, analysis]);
  const measured = entry.measured;
  const onSeek = canSeek(post) ? (seconds) => seek(video.current, seconds) : undefined;
  if (!post) return html`<${EntryState} entry=${entry} />`;
  const facts = new Map((analysis?.metadata_used.facts ?? measured?.facts ?? []).map((fact) => [fact.name, fact]));
  const verdict = analysis?.metadata_used.verdict ?? measured?.verdict;
  return html`<div class="report">
    <div class="report-main">
      <section class="report-top">
        <div class="report-media"><${Media} post=${post} video=${video} /><${PostText} post=${post} /></div>
        ${verdict ? html`<${Verdict} ...${{ verdict, facts, sources, entry }} />` : html`<${EntryState} entry=${entry} />`}
      </section>
      ${verdict && html`<${EntryState} entry=${entry} analysis=${analysis} />`}
      <${Numbers} post=${post} facts=${facts} />
      ${verdict && html`<${Outlier} ...${{ facts, verdict, entry }} />`}
      ${analysis && html`<${Explanation} ...${{ analysis, sources, onSeek }} />`}
      ${hasMoments(post, facts) && html`<${Timeline} ...${{ post, facts, onSeek, video }} />`}
      ${analysis && html`<${Advice} ...${{ analysis, sources, onSeek }} />`}
      ${verdict && html`<${PrintedSources} sources=${sources} />`}
      <div class="folds">
        ${verdict && html`<${FactTable} ...${{ entry, analysis }} />`}
        ${analysis && html`<${Method} ...${{ analysis }} />`}
      </div>
    </div>
    ${aside && html`<aside class="report-side no-print">${aside({ sources, onSeek })}</aside>`}
  </div>`;
}

/** A shared report has neither transcript nor frames, so its timeline may have nothing to show. */
function hasMoments(post, facts) {
  return canSeek(post) || Boolean(post.formatted_transcript) || facts.has("first_cut") || facts.has("most_replayed_at");
}

function canSeek(post) {
  return post?.media.some((medium) => medium.kind === "video" && medium.supabase_url);
}

function seek(video, seconds) {
  if (!video) return;
  video.currentTime = seconds;
  video.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

/** What is to say about the post beside its report: a failure, a gap, or that it is being worked on. */
function EntryState({ entry, analysis }) {
  if (entry.state === "FAILED") {
    return html`<div class="failure" role="status">
      <p class="failure-message"><bdi>${entry.error}</bdi></p>
      ${entry.measured && html`<p class="quiet">${texts.request.notExplained}</p>`}
    </div>`;
  }
  if (entry.is_partial) return html`<p class="hint" role="status">${texts.request.partial}</p>`;
  if (analysis) return null;
  return html`<div class="waiting">
    <p class="hint hint-live" role="status">${entry.measured ? texts.request.explaining : texts.request.pending}</p>
    ${!entry.measured && html`<${Loading} lines=${5} />`}
  </div>`;
}

function Explanation({ analysis, sources, onSeek }) {
  const observation = analysis.content_observation;
  return html`
    <section class="formula">
      <h2 class="eyebrow">${texts.report.formula}</h2>
      <${Cited} text=${analysis.viral_formula} className="formula-text" ...${{ sources, onSeek }} />
    </section>
    <section class="block">
      <h2>${texts.report.takeaways}</h2>
      <${CitedList} items=${analysis.quick_takeaways} ordered className="numbered" ...${{ sources, onSeek }} />
    </section>
    <section class="block">
      <h2>${texts.report.why}</h2>
      <${Cited} text=${analysis.virality_reasoning} className="prose" ...${{ sources, onSeek }} />
    </section>
    <section class="block">
      <h2>${texts.report.content}</h2>
      <dl class="pairs">
        ${Object.keys(texts.report.observation).map(
          (name) => html`<div key=${name}><dt>${texts.report.observation[name]}</dt>
            <dd><${Cited} text=${observation[name]} ...${{ sources, onSeek }} /></dd></div>`,
        )}
      </dl>
    </section>
    <section class="block">
      <h2>${texts.report.creator}</h2>
      <${Cited} text=${analysis.creator_context} className="prose" ...${{ sources, onSeek }} />
    </section>
  `;
}

function Advice({ analysis, sources, onSeek }) {
  return html`
    <div class="columns">
      <section class="block">
        <h2>${texts.report.replicable}</h2>
        <${CitedList} items=${analysis.replicable_elements} ...${{ sources, onSeek }} />
      </section>
      <section class="block">
        <h2>${texts.report.improvements}</h2>
        <${CitedList} items=${analysis.improvements} ...${{ sources, onSeek }} />
      </section>
    </div>
    <section class="block">
      <h2>${texts.report.suggestions}</h2>
      <${Suggestions} ...${{ analysis, sources, onSeek }} />
    </section>
  `;
}
