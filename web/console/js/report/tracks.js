// The tracks of the timeline, one above the other: cuts, loudness with the most replayed curve, voices, and events.
import { formatClock } from "../format.js";
import { html } from "../html.js";
import { texts } from "../texts.js";

const HOOK_S = 3;
const WIDTH = 1000;
const HEIGHT = 100;
const QUIETEST_DBFS = -60;

export function Tracks({ post, medium, duration, lines, said, value }) {
  const share = (seconds) => `${Math.max(0, Math.min((seconds / duration) * 100, 100))}%`;
  const { cuts_s: cuts, voices, levels_dbfs: levels, level_step_s: step } = medium.timeline ?? {};
  const loudness = levels?.length && step > 0 ? areaOf(levels, step, duration) : null;
  const replayed = replayedCurve(post.details?.most_replayed, duration);
  const marks = [["firstCut", value("first_cut")], ["replayed", value("most_replayed_at")]].filter(([, seconds]) => seconds !== undefined);
  const spoken = voices?.map((voice) => ({ from: voice.from_s, to: voice.to_s })) ?? lines;
  const isSaid = (stretch) => said !== undefined && stretch.from < said.to && said.from < stretch.to;
  return html`
    ${cuts && html`<div class="timeline-lane timeline-cuts">${cuts.map((cut, index) => html`<i key=${index} style=${{ left: share(cut) }}></i>`)}</div>`}
    ${(loudness || replayed) && html`<svg class="timeline-lane timeline-sound" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      ${loudness && html`<path class="timeline-level" d=${loudness} />`}
      ${replayed && html`<path class="timeline-curve" d=${replayed} />`}
    </svg>`}
    <div class="timeline-lane timeline-speech">
      ${spoken.map((stretch, index) => html`<span key=${index} class=${isSaid(stretch) ? "is-said" : ""} style=${{ left: share(stretch.from), width: share(stretch.to - stretch.from) }}></span>`)}
    </div>
    <div class="timeline-lane timeline-events">
      <span class="timeline-hook" style=${{ width: share(Math.min(HOOK_S, duration)) }}><em>${texts.timeline.hook}</em></span>
      ${medium.frames?.map((frame) => html`<i key=${frame.at_s} class="timeline-frame" style=${{ left: share(frame.at_s) }}></i>`)}
    </div>
    ${marks.map(([name, seconds]) => html`<span key=${name} class=${`timeline-mark timeline-${name} ${seconds > duration / 2 ? "timeline-late" : ""}`} style=${{ left: share(seconds) }}><em>${texts.timeline[name]} ${formatClock(seconds)}</em></span>`)}
  `;
}

/** The legend of the tracks that are there. */
export function Legend({ post, medium, lines }) {
  const timeline = medium.timeline ?? {};
  const keys = [
    ["cut", timeline.cuts_s?.length > 0], ["level", timeline.levels_dbfs?.length > 0],
    ["curve", replayedCurve(post.details?.most_replayed, 1) !== null], ["voice", (timeline.voices ?? lines).length > 0],
    ["frame", medium.frames?.length > 0],
  ].filter(([, isShown]) => isShown);
  return html`<p class="legend small">${keys.map(([name]) => html`<span key=${name}><i class=${`key key-${name}`}></i>${texts.timeline.legend[name]}</span>`)}</p>`;
}

/** The path of an area whose height is the level of each window, from -60 dB of full scale at its foot to 0 at its top. */
export function areaOf(levels, step, duration) {
  const x = (seconds) => round(Math.max(0, Math.min(seconds / duration, 1)) * WIDTH);
  const y = (level) => round(HEIGHT - Math.max(0, Math.min((level - QUIETEST_DBFS) / -QUIETEST_DBFS, 1)) * HEIGHT);
  const steps = levels.map((level, index) => `V${y(level)}H${x((index + 1) * step)}`);
  return `M0 ${HEIGHT}${steps.join("")}V${HEIGHT}Z`;
}

/** The path of YouTube's curve, from 0 at the foot to 1 at the top; null if there is none. */
export function replayedCurve(parts, duration) {
  if (!Array.isArray(parts)) return null;
  const known = parts.filter((part) => Number.isFinite(part?.start_s) && Number.isFinite(part.end_s) && Number.isFinite(part.value));
  if (known.length < 2) return null;
  const points = known.map((part) => {
    const middle = Math.max(0, Math.min((part.start_s + part.end_s) / 2 / duration, 1));
    return `${round(middle * WIDTH)} ${round(HEIGHT - Math.max(0, Math.min(part.value, 1)) * HEIGHT)}`;
  });
  return `M${points.join("L")}`;
}

const round = (value) => Math.round(value * 10) / 10;
