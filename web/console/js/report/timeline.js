// The first video on one axis: speech, key frames, the hook, the first cut and the most replayed moment.
import { formatClock, formatNumber } from "../format.js";
import { html, useEffect, useMemo, useState } from "../html.js";
import { texts } from "../texts.js";

const HOOK_S = 3;

export function Timeline({ post, facts, onSeek, video }) {
  const medium = post.media.find((one) => one.kind === "video");
  const duration = medium?.duration_s ?? facts.get("duration")?.value;
  const lines = useMemo(() => readTranscript(post.formatted_transcript, duration), [post.formatted_transcript, duration]);
  const [at, setAt] = useState(null);
  const playing = usePlayingTime(video, Boolean(onSeek));
  if (!duration || !medium) return null;
  const share = (seconds) => `${Math.min((seconds / duration) * 100, 100)}%`;
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    setAt(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * duration);
  };
  const value = (name) => facts.get(name)?.value;
  const marks = [["firstCut", value("first_cut")], ["replayed", value("most_replayed_at")]].filter(([, seconds]) => seconds !== undefined);
  const current = at ?? playing;
  const said = current === null ? null : lines.findLast((line) => line.from <= current && current < line.to);
  return html`<section class="block timeline-block">
    <h2>${texts.timeline.title}</h2>
    <div class=${`timeline ${onSeek ? "timeline-seeks" : ""}`} onPointerMove=${move} onPointerLeave=${() => setAt(null)}
      onClick=${onSeek && at !== null ? () => onSeek(at) : undefined}>
      <div class="timeline-lane timeline-speech">
        ${lines.map((line) => html`<span key=${line.from} class=${said === line ? "is-said" : ""} style=${{ left: share(line.from), width: share(line.to - line.from) }}></span>`)}
      </div>
      <div class="timeline-lane timeline-events">
        <span class="timeline-hook" style=${{ width: share(Math.min(HOOK_S, duration)) }}><em>${texts.timeline.hook}</em></span>
        ${marks.map(([name, seconds]) => html`<span key=${name} class=${`timeline-mark timeline-${name} ${seconds > duration / 2 ? "timeline-late" : ""}`} style=${{ left: share(seconds) }}><em>${texts.timeline[name]} ${formatClock(seconds)}</em></span>`)}
        ${medium.frames?.map((frame) => html`<i key=${frame.at_s} class="timeline-frame" style=${{ left: share(frame.at_s) }}></i>`)}
      </div>
      ${current !== null && html`<div class="timeline-cursor" style=${{ left: share(current) }}><span class="numbers">${formatClock(current)}</span></div>`}
      <div class="timeline-axis numbers" aria-hidden="true"><span>0:00</span><span>${formatClock(duration / 2)}</span><span>${formatClock(duration)}</span></div>
    </div>
    <p class="timeline-said" aria-live="off"><bdi>${said?.text ?? ""}</bdi></p>
    <${Measures} value=${value} />
    <${Transcript} lines=${lines} medium=${medium} onSeek=${onSeek} isCut=${value("transcript_is_cut") === true} />
  </section>`;
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
    const next = lines[index + 1]?.from ?? duration ?? spoken;
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

function Measures({ value }) {
  const cuts = value("cut_count");
  const loudness = value("loudness");
  const hook = value("hook_loudness");
  return html`<p class="quiet small">
    ${cuts !== undefined && `${texts.timeline.cuts(cuts, formatNumber(value("cuts_per_minute") ?? 0))} `}
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
