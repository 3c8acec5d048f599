// The first page: paste URLs or a handle; what is left today; the newest analyses.
import { get, newKey, post } from "../api.js";
import { html, useId, useRef, useState } from "../html.js";
import { Estimate, useEstimate } from "../parts/estimate.js";
import { RequestRow } from "../parts/request_row.js";
import { PlatformMark } from "../parts/platform.js";
import { Failure, Loading, useData } from "../parts/states.js";
import { go } from "../router.js";
import { texts } from "../texts.js";

const PLATFORMS = ["instagram", "x", "youtube"];
const MAX_HANDLE_POSTS = 5;
const RECENT = 6;
const ADDRESS = /^(?:https?:\/\/)?[^/\s]+\.[^/\s]+\/\S+$/i;
/** What may be the address of a post: a host and a path. Only the API decides whether it is one. */

export function Home() {
  const limits = useData((signal) => get("api/accounts/usage/limits/", { signal }), []);
  const requests = useData((signal) => get("api/analysis/requests/", { signal }), []);
  return html`<section class="home">
    <div class="home-ask">
      <h1 class="display">${texts.home.title}</h1>
      <p class="lead">${texts.home.lead}</p>
      <${Ask} onStarted=${opened} />
      <${Left} limits=${limits.data} />
    </div>
    <${Recent} ...${requests} />
  </section>`;
}

function opened(requests) {
  go(requests.length === 1 ? `/requests/${requests[0].id}` : "/history");
}

/** Read what was entered: the words of a text are URLs or one handle. */
export function readEntry(text) {
  const words = text.split(/[\s,]+/).filter(Boolean);
  if (words.length === 1 && /^@[^/]+$/.test(words[0])) return { handle: words[0], urls: [] };
  return { handle: null, urls: words };
}

function Ask({ onStarted }) {
  const [text, setText] = useState("");
  const [platform, setPlatform] = useState("youtube");
  const [count, setCount] = useState(1);
  const [state, setState] = useState({});
  const key = useRef(newKey());
  const id = useId();
  const entry = readEntry(text);
  const body = entry.handle ? { handle: entry.handle, platform, posts: count } : { post_urls: entry.urls };
  const isComplete = entry.handle ? entry.handle.length > 1 : entry.urls.length > 0 && entry.urls.every((url) => ADDRESS.test(url));
  const estimate = useEstimate(isComplete ? body : null);

  const submit = async (event) => {
    event.preventDefault();
    if (!text.trim()) return setState({ hint: texts.home.empty });
    setState({ isSending: true });
    try {
      const { requests } = await post("api/analysis/analyze/", body, { key: key.current });
      return onStarted(requests);
    } catch (error) {
      key.current = newKey();
      return setState({ error });
    }
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && !event.shiftKey) submit(event);
  };
  return html`<form class="ask" onSubmit=${submit} novalidate>
    <label class="hidden" for=${id}>${texts.home.label}</label>
    <div class="ask-field">
      <textarea id=${id} rows=${Math.min(Math.max(text.split("\n").length, 1), 6)} value=${text} placeholder=${texts.home.placeholder}
        autocomplete="off" autocapitalize="off" spellcheck=${false} autofocus
        onInput=${(event) => { setText(event.target.value); setState({}); }} onKeyDown=${onKeyDown}></textarea>
      <button type="submit" class="button button-main" disabled=${state.isSending}>
        ${state.isSending ? texts.home.submitting : texts.home.submit}
      </button>
    </div>
    ${entry.handle && html`<${HandleChoice} ...${{ platform, setPlatform, count, setCount }} />`}
    ${!state.error && html`<${Estimate} ...${estimate} />`}
    ${state.hint && html`<p role="alert">${state.hint}</p>`}
    <${Failure} error=${state.error} />
  </form>`;
}

function HandleChoice({ platform, setPlatform, count, setCount }) {
  return html`<div class="handle-choice">
    <fieldset class="choice">
      <legend>${texts.home.handleOn}</legend>
      ${PLATFORMS.map(
        (name) => html`<label key=${name}>
          <input type="radio" name="platform" value=${name} checked=${platform === name} onChange=${() => setPlatform(name)} />
          <span>${texts.platforms[name]}</span>
        </label>`,
      )}
    </fieldset>
    <label class="choice-range">
      <span>${texts.home.handlePosts}</span>
      <input type="range" min="1" max=${MAX_HANDLE_POSTS} value=${count} onInput=${(event) => setCount(Number(event.target.value))} />
      <span class="quiet">${texts.home.handleHint(count)}</span>
    </label>
  </div>`;
}

function Left({ limits }) {
  if (!limits) return html`<p class="left" aria-hidden="true"> </p>`;
  return html`<p class="left">
    <span class="quiet">${texts.home.left}</span>
    ${limits.platforms.map(
      (one) => html`<a key=${one.platform} class="left-one" href="#/usage">
        <${PlatformMark} platform=${one.platform} /> ${texts.home.leftOn(one.analyses_left)}
      </a>`,
    )}
  </p>`;
}

function Recent({ data, error, reload }) {
  if (error) return html`<${Failure} error=${error} onRetry=${reload} />`;
  if (!data) return html`<${Loading} lines=${4} />`;
  if (data.count === 0) return html`<${Steps} />`;
  return html`<section class="recent">
    <header class="section-head">
      <h2>${texts.home.recent}</h2>
      <a href="#/history">${texts.home.allRecent}</a>
    </header>
    <ul class="rows">${data.results.slice(0, RECENT).map((request) => html`<${RequestRow} key=${request.id} request=${request} />`)}</ul>
  </section>`;
}

function Steps() {
  return html`<ol class="steps">
    ${texts.home.steps.map(([title, text]) => html`<li key=${title}><h2>${title}</h2><p>${text}</p></li>`)}
  </ol>`;
}
