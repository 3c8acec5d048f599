// Who posted what, when, and where it stands.
import { formatDate, safeAddress } from "../format.js";
import { html } from "../html.js";
import { texts } from "../texts.js";

export function PostText({ post }) {
  const address = safeAddress(post.url);
  const name = post.author?.display_name ?? post.username;
  return html`<div class="post-text">
    <p class="post-author">
      <b><bdi>${name}</bdi></b>
      ${post.username && post.username !== name && html`<span class="quiet"><bdi>@${post.username}</bdi></span>`}
      ${post.posted_at && html`<time class="quiet" datetime=${post.posted_at}>${formatDate(post.posted_at)}</time>`}
    </p>
    ${post.content && html`<blockquote dir="auto"><bdi>${post.content}</bdi></blockquote>`}
    <p class="post-links">
      ${address && html`<a href=${address} target="_blank" rel="noopener noreferrer">${texts.media.open(texts.platforms[post.platform])}</a>`}
      ${post.is_stand_in && html`<span class="tag">${texts.request.standIn}</span>`}
    </p>
  </div>`;
}
