// The first video on one axis: cuts, loudness, voices, the hook, the most replayed parts, and the words at the cursor.
import { formatClock, formatNumber } from "../format.js";
import { html, useEffect, useMemo, useState } from "../html.js";
import { texts } from "../texts.js";
import { Legend, Tracks } from "./tracks.js";

const KEY_STEPS = 100;
const PAGE_STEPS = 10;

export function Timeline({ post, facts, onSeek, video }) {
  const medium = post.media.find((one) => one.kind === "video");
  const duration = Number(medium?.duration_s ?? facts.get("duration")?.value);
  const lines = useMemo(() => readTranscript(post.formatted_transcript, duration), [post.formatted_transcript, duration]);
  const [at, setAt] = useState(null);
  const playing = usePlayingTime(video, Boolean(onSeek));
  if (!medium || !(duration > 0 && duration < Infinity)) return null;
  const value = (name) => facts.get(name)?.value;
  const timeOf = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * duration;
  };
  const current = at ?? playing;
  const said = current === null ? undefined : lines.findLast((line) => line.from <= current && current < line.to);
  const cuts = medium.timeline?.cuts_s ?? [];
  const onKeyDown = (event) => {
    if ((event.key === "Enter" || event.key === " ") && onSeek && current !== null) onSeek(current);
    else {
      const next = timeAfterKey(event.key, { at: current ?? 0, duration, cuts });
      if (next === undefined) return;
      setAt(next);
    }
    event.preventDefault();
  };
  return html`<section class="block timeline-block">
    <h2>${texts.timeline.title}</h2>
    <div class=${`timeline ${onSeek ? "timeline-seeks" : ""}`} role="slider" tabindex="0" aria-label=${texts.timeline.title}
      aria-describedby="timeline-keys" aria-valuemin="0" aria-valuemax=${Math.ceil(duration)} aria-valuenow=${Math.floor(current ?? 0)}
      aria-valuetext=${[formatClock(current ?? 0), said?.text].filter(Boolean).join(" ")}
      onPointerMove=${(event) => setAt(timeOf(event))} onPointerLeave=${() => setAt(null)} onKeyDown=${onKeyDown}
      onFocus=${(event) => event.currentTarget.matches(":focus-visible") && setAt(current ?? 0)} onBlur=${() => setAt(null)}
      onClick=${onSeek && ((event) => onSeek(timeOf(event)))}>
      <${Tracks} ...${{ post, medium, duration, lines, said, value }} />
      ${current !== null && html`<div class="timeline-cursor" style=${{ left: `${(current / duration) * 100}%` }}><span class="numbers">${formatClock(current)}</span></div>`}
      <div class="timeline-axis numbers" aria-hidden="true"><span>0:00</span><span>${formatClock(duration / 2)}</span><span>${formatClock(duration)}</span></div>
    </div>
    <p class="timeline-said" aria-live="off"><bdi>${said?.text ?? ""}</bdi></p>
    <p id="timeline-keys" class="hidden">${onSeek ? texts.timeline.keysToSeek : texts.timeline.keys}</p>
    <${Legend} ...${{ post, medium, lines }} />
    <${Measures} ...${{ value, medium, duration }} />
    <${Transcript} lines=${lines} medium=${medium} onSeek=${onSeek} isCut=${value("transcript_is_cut") === true} />
  </section>`;
}

/** Where a key leads: arrows by a hundredth, page keys from cut to cut or by a tenth; undefined for other keys. */
export function timeAfterKey(key, { at, duration, cuts }) {
  const step = duration / KEY_STEPS;
  const next = {
    ArrowRight: at + step, ArrowUp: at + step, ArrowLeft: at - step, ArrowDown: at - step, Home: 0, End: duration,
    PageUp: cuts.find((cut) => cut > at + 0.01) ?? at + PAGE_STEPS * step,
    PageDown: cuts.findLast((cut) => cut < at - 0.01) ?? at - PAGE_STEPS * step,
  }[key];
  return next === undefined ? undefined : Math.max(0, Math.min(duration, next));
}

/** The lines of a transcript with their times: `[0:04] words`. A line lasts until the next one. */
export function readTranscript(text, duration) {
  if (!text) return [];
  const lines = [];
  for (const line of text.split("\n")) {
    const match = /^\[(?:(\d+):)?(\d+):(\d{2})\] (.*)$/.exec(line);
    if (match) lines.push({ from: Number(match[1] ?? 0) * 3600 + Number(match[2]) * 60 + Number(match[3]), text: match[4] });
    else if (lines.length > 0) lines.at(-1).text += ` ${line}`;
  }
  const wordsPerSecond = 2.5;
  return lines.map((line, index) => {
    const spoken = line.from + Math.max(line.text.split(/\s+/).length / wordsPerSecond, 1);
    const next = lines[index + 1]?.from ?? (duration || spoken);
    return { ...line, to: Math.max(Math.min(spoken, next), line.from + 0.5) };
  });
}

function usePlayingTime(video, isActive) {
  const [time, setTime] = useState(null);
  useEffect(() => {
    const element = video.current;
    if (!isActive || !element) return undefined;
    const update = () => setTime(element.paused && element.currentTime === 0 ? null : element.currentTime);
    element.addEventListener("timeupdate", update);
    return () => element.removeEventListener("timeupdate", update);
  }, [isActive]);
  return time;
}

function Measures({ value, medium, duration }) {
  const cuts = value("cut_count");
  const loudness = value("loudness");
  const hook = value("hook_loudness");
  const watched = medium.timeline?.watched_s;
  return html`<p class="quiet small">
    ${cuts !== undefined && `${texts.timeline.cuts(cuts, formatNumber(value("cuts_per_minute") ?? 0))} `}
    ${cuts === undefined && watched > 0 && watched < duration - 1 && `${texts.timeline.watched(formatClock(watched))} `}
    ${loudness !== undefined && hook !== undefined && texts.timeline.loudness(formatNumber(loudness), formatNumber(hook))}
  </p>`;
}

function Transcript({ lines, medium, onSeek, isCut }) {
  if (lines.length === 0) return null;
  return html`<details class="fold">
    <summary>${texts.timeline.transcript} <span class="quiet">${texts.timeline.sources[medium.transcript_source] ?? ""}</span></summary>
    ${isCut && html`<p class="hint">${texts.timeline.cut}</p>`}
    <ol class="transcript">
      ${lines.map(
        (line, index) => html`<li key=${index}>
          ${onSeek
            ? html`<button type="button" class="link numbers" aria-label=${texts.timeline.seek(formatClock(line.from))} onClick=${() => onSeek(line.from)}>${formatClock(line.from)}</button>`
            : html`<span class="quiet numbers">${formatClock(line.from)}</span>`}
          <bdi>${line.text}</bdi>
        </li>`,
      )}
    </ol>
  </details>`;
}
