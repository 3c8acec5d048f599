// The post's pictures and videos.
import { formatClock } from "../format.js";
import { html, useState } from "../html.js";
import { texts } from "../texts.js";

export function Media({ post, video }) {
  const [index, setIndex] = useState(0);
  const media = post.media.filter((one) => one.kind !== "thumbnail");
  const cover = post.media.find((one) => one.kind === "thumbnail");
  if (media.length === 0) return html`<p class="media-none quiet">${texts.media.none}</p>`;
  const shown = media[Math.min(index, media.length - 1)];
  return html`<figure class="media">
    <${Medium} medium=${shown} cover=${cover} number=${index + 1} video=${video} />
    ${media.length > 1 && html`<figcaption class="media-turn">
      <button type="button" class="button" disabled=${index === 0} onClick=${() => setIndex(index - 1)}>${texts.media.previous}</button>
      <span class="numbers">${index + 1} / ${media.length}</span>
      <button type="button" class="button" disabled=${index === media.length - 1} onClick=${() => setIndex(index + 1)}>${texts.media.next}</button>
    </figcaption>`}
    <${Frames} medium=${shown} video=${video} />
  </figure>`;
}

function Medium({ medium, cover, number, video }) {
  const picture = medium.thumbnail_url ?? cover?.supabase_url;
  const alt = texts.media.alt(medium.kind, number);
  if (medium.error && !medium.supabase_url) return html`<p class="hint">${texts.media.failed("")}<bdi>${medium.error}</bdi></p>`;
  if (medium.kind === "video" && medium.supabase_url) {
    return html`<video key=${medium.id} ref=${video} src=${medium.supabase_url} poster=${picture} controls playsinline preload="metadata"
      width=${medium.width} height=${medium.height} aria-label=${alt}></video>`;
  }
  if (medium.kind === "video") {
    return html`<div class="media-still">
      ${picture && html`<img src=${picture} alt=${alt} />`}
      <p class="quiet small">${texts.media.notStored}</p>
    </div>`;
  }
  return html`<img key=${medium.id} src=${medium.supabase_url} alt=${alt} width=${medium.width} height=${medium.height} />`;
}

function Frames({ medium, video }) {
  if (!medium.frames?.length) return null;
  const seek = (at) => {
    if (video.current) video.current.currentTime = at;
  };
  return html`<div class="frames" role="group" aria-label=${texts.media.frames}>
    ${medium.frames.map(
      (frame) => html`<button key=${frame.at_s} type="button" class="frame" title=${texts.timeline.seek(formatClock(frame.at_s))} onClick=${() => seek(frame.at_s)}>
        <img src=${frame.url} alt=${texts.media.frameAlt(formatClock(frame.at_s))} loading="lazy" /><span>${formatClock(frame.at_s)}</span>
      </button>`,
    )}
  </div>`;
}
