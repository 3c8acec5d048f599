// The page of a share link: one report, for readers without an account. Its token stands behind `#`, so that it reaches
// neither the logs of servers nor other pages.
import { get } from "../api.js";
import { formatDate } from "../format.js";
import { html, render, useEffect, useErrorBoundary, useState } from "../html.js";
import { PlatformMark } from "../parts/platform.js";
import { Failure, Loading, useData } from "../parts/states.js";
import { Report } from "../report/report.js";
import { VerdictTag } from "../report/verdict.js";
import { texts } from "../texts.js";
import { partsOf } from "./parts_of.js";

const consoleAddress = new URL("../../../", import.meta.url).href;

function SharedPage() {
  const token = useToken();
  const [crash] = useErrorBoundary();
  const { data, error, reload } = useData((signal) => read(token, signal), [token]);
  return html`
    <header class="bar">
      <a class="wordmark" href=${consoleAddress} aria-label=${texts.title}>why<b>viral</b></a>
      <p class="bar-note quiet">${texts.shared.title}</p>
    </header>
    <main class="content" id="content">
      ${crash && html`<${Failure} error=${crash} onRetry=${() => location.reload()} />`}
      ${!crash && error && html`<${Failure} error=${error} onRetry=${reload} />`}
      ${!data && !error && html`<${Loading} lines=${6} />`}
      ${!crash && data?.isGone && html`<${Gone} />`}
      ${!crash && data?.report && html`<${SharedReport} key=${token} report=${data.report} />`}
    </main>
    <footer class="foot no-print"><p class="quiet">${texts.shared.about}</p> <a href=${consoleAddress}>${texts.shared.start}</a></footer>
  `;
}

function useToken() {
  const [token, setToken] = useState(() => location.hash.slice(1));
  useEffect(() => {
    const update = () => setToken(location.hash.slice(1));
    window.addEventListener("hashchange", update);
    return () => window.removeEventListener("hashchange", update);
  }, []);
  return token;
}

/** Read the report. A link without a report is an answer, not a failure. */
async function read(token, signal) {
  if (!/^[\w-]{43}$/.test(token)) return { isGone: true };
  try {
    return { report: await get(`api/shared/${token}/`, { signal, isPublic: true }) };
  } catch (error) {
    if (error.code === "shared_report_not_found") return { isGone: true };
    throw error;
  }
}

function Gone() {
  return html`<section class="page gone">
    <h1>${texts.shared.goneTitle}</h1>
    <p class="lead">${texts.shared.gone}</p>
  </section>`;
}

function SharedReport({ report }) {
  const [index, setIndex] = useState(0);
  const posts = report.posts.map((post) => partsOf(report, post));
  const name = report.display_name ?? texts.platforms[report.platform];
  useEffect(() => {
    document.title = `${name} · ${texts.title}`;
  }, [name]);
  const shown = posts[index];
  return html`<article class="page request">
    <header class="request-head">
      <p class="eyebrow"><${PlatformMark} platform=${report.platform} /> <span>${texts.platforms[report.platform]}</span>
        <time datetime=${report.created_at}>${formatDate(report.created_at)}</time></p>
      <h1><bdi>${name}</bdi></h1>
      <div class="request-actions"><button type="button" class="button" onClick=${() => window.print()}>${texts.request.print}</button></div>
    </header>
    ${posts.length > 1 && html`<nav class="post-tabs" aria-label=${texts.request.posts}>
      ${posts.map(({ entry, post }, position) => html`<button key=${entry.url} type="button" aria-current=${position === index ? "true" : undefined}
        onClick=${() => setIndex(position)}><span class="post-tab-name"><bdi>${post?.content || entry.url.replace(/^https?:\/\/(www\.)?/, "")}</bdi></span>
        <${VerdictTag} verdict=${entry.measured?.verdict} /></button>`)}
    </nav>`}
    ${shown ? html`<${Report} key=${index} ...${shown} />` : html`<p class="quiet">${texts.shared.empty}</p>`}
  </article>`;
}

render(html`<${SharedPage} />`, document.getElementById("console"));
