// One analysis in a list.
import { formatAgo } from "../format.js";
import { html } from "../html.js";
import { texts } from "../texts.js";
import { PlatformMark } from "./platform.js";

export function nameOfRequest(request) {
  if (request.handle) return texts.request.handle(request.handle, request.handle_posts);
  return request.display_name ?? request.post_urls[0]?.replace(/^https?:\/\/(www\.)?/, "") ?? texts.platforms[request.platform];
}

export function RequestRow({ request }) {
  return html`<li>
    <a class="row" href=${`#/requests/${request.id}`}>
      <${PlatformMark} platform=${request.platform} />
      <span class="row-name"><bdi>${nameOfRequest(request)}</bdi></span>
      <${Outcome} request=${request} />
      <time class="row-time quiet" datetime=${request.created_at}>${formatAgo(request.created_at)}</time>
    </a>
  </li>`;
}

function Outcome({ request }) {
  const { status, results, progress } = request;
  if (status === "COMPLETED" && results) {
    const isViral = results.viral > 0;
    const text = results.posts === 1 ? (isViral ? texts.verdict.viral : texts.verdict.notViral) : texts.history.viral(results.viral, results.posts);
    return html`<span class=${isViral ? "tag tag-on" : "tag"}>${text}</span>`;
  }
  if (status === "FAILED") return html`<span class="tag tag-failed">${texts.status.FAILED}</span>`;
  return html`<span class="tag tag-running"><progress max="100" value=${progress} aria-label=${texts.status[status]}></progress> ${progress} %</span>`;
}
