// The post against the creator's comparable posts: each of them, their middle half and median, on a logarithmic axis.
import { formatCount, formatDate, formatRatio, safeAddress } from "../format.js";
import { html } from "../html.js";
import { texts } from "../texts.js";

const WIDTH = 720;
const HEIGHT = 164;
const LEFT = 8;
const AXIS_Y = 128;
const MIDDLE_Y = 76;
const BOX_HEIGHT = 40;
const DOT_RADIUS = 5;
const METRICS = new Set(["views", "likes"]);

export function Outlier({ facts, entry }) {
  const value = (name) => facts.get(name)?.value;
  const ratio = value("outlier_ratio");
  if (ratio === undefined) {
    return entry.baseline_reason
      ? html`<section class="block"><h2>${texts.outlier.title}</h2><p class="hint">${texts.outlier.missing}: <bdi>${entry.baseline_reason}</bdi>.</p></section>`
      : null;
  }
  const metric = value("baseline_metric");
  if (!METRICS.has(metric)) return null;
  const sample = {
    this: value(metric), median: value("baseline_median"), best: value("baseline_best"),
    low: value("baseline_lower_quartile"), high: value("baseline_upper_quartile"),
  };
  const posts = sampledPosts(entry.measured, sample.best);
  return html`<section class="block">
    <h2>${texts.outlier.title}</h2>
    <p>${texts.outlier.lead(formatRatio(ratio), formatCount(sample.this), value("baseline_n"), metric)}</p>
    <${Plot} ...${{ sample, posts, metric }} />
    <p class="quiet small">
      ${texts.outlier.range(formatRatio(value("outlier_ratio_low")), formatRatio(value("outlier_ratio_high")))}
      ${" "}${value("baseline_place") !== undefined && texts.outlier.place(value("baseline_place"), value("baseline_n") + 1)}
    </p>
    <${SampleList} posts=${posts} metric=${metric} />
  </section>`;
}

/** Positions on the axis, which spans whole powers of ten around all values. */
function scaleOf(values) {
  const known = values.filter((value) => value > 0).map(Math.log10);
  const from = Math.floor(Math.min(...known));
  const to = Math.max(Math.ceil(Math.max(...known)), from + 1);
  const x = (value) => LEFT + ((Math.log10(Math.max(value, 1)) - from) / (to - from)) * (WIDTH - 2 * LEFT);
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  return { x, ticks };
}

/** The creator's posts, if they are those that the facts describe: a retry may have read a newer list. */
function sampledPosts(measured, best) {
  const posts = (measured?.baseline_posts ?? []).filter((post) => Number.isFinite(post.count));
  const isSame = posts.length > 0 && Math.abs(posts.at(-1).count - best) <= best * 1e-5;
  return isSame ? posts : [];
}

/** Where the dots go: each at its count, and beside others of about the same count. */
function placeDots(posts, x) {
  const placed = [];
  for (const post of posts) {
    const dot = { post, x: x(post.count), y: MIDDLE_Y };
    for (let row = 1; placed.some((one) => Math.hypot(one.x - dot.x, one.y - dot.y) < 2 * DOT_RADIUS); row += 1) {
      dot.y = MIDDLE_Y + (row % 2 ? -1 : 1) * Math.ceil(row / 2) * 2 * DOT_RADIUS;
    }
    placed.push(dot);
  }
  return placed;
}

function Plot({ sample, posts, metric }) {
  const { x, ticks } = scaleOf([...Object.values(sample), ...posts.map((post) => post.count)]);
  const description = `${texts.outlier.this} ${formatCount(sample.this)}; ${texts.outlier.median} ${formatCount(sample.median)}; ${texts.outlier.best} ${formatCount(sample.best)}`;
  return html`<figure class="plot">
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${description}>
      ${ticks.map(
        (tick, index) => html`<g key=${tick}>
          <line class="plot-grid" x1=${x(tick)} x2=${x(tick)} y1="24" y2=${AXIS_Y} />
          <text class="plot-tick" x=${x(tick)} y=${AXIS_Y + 22} text-anchor=${anchorOf(index, ticks.length)}>${formatCount(tick)}</text>
        </g>`,
      )}
      ${posts.length === 0 && html`<line class="plot-range" x1=${x(Math.min(sample.low, sample.median))} x2=${x(sample.best)} y1=${MIDDLE_Y} y2=${MIDDLE_Y} />`}
      <rect class="plot-box" x=${x(sample.low)} width=${Math.max(x(sample.high) - x(sample.low), 2)} y=${MIDDLE_Y - BOX_HEIGHT / 2} height=${BOX_HEIGHT} rx="4" />
      <line class="plot-median" x1=${x(sample.median)} x2=${x(sample.median)} y1=${MIDDLE_Y - BOX_HEIGHT / 2 - 4} y2=${MIDDLE_Y + BOX_HEIGHT / 2 + 4} />
      ${placeDots(posts, x).map(
        (dot, index) => html`<circle key=${index} class="plot-dot" cx=${dot.x} cy=${dot.y} r=${DOT_RADIUS - 0.5}><title>${texts.outlier.dot(formatCount(dot.post.count), metric, dot.post.posted_at && formatDate(dot.post.posted_at))}</title></circle>`,
      )}
      ${posts.length === 0 && html`<circle class="plot-best" cx=${x(sample.best)} cy=${MIDDLE_Y} r="5" />`}
      <line class="plot-stem" x1=${x(sample.this)} x2=${x(sample.this)} y1="24" y2=${AXIS_Y} />
      <circle class="plot-this" cx=${x(sample.this)} cy=${MIDDLE_Y} r="9" />
      <text class="plot-label plot-label-this" x=${x(sample.this)} y="14" text-anchor=${x(sample.this) > WIDTH / 2 ? "end" : "start"}>${texts.outlier.this} · ${formatCount(sample.this)}</text>
    </svg>
    <figcaption class="legend">
      ${posts.length > 0 && html`<span><i class="key key-dot"></i>${texts.outlier.each}</span>`}
      <span><i class="key key-box"></i>${texts.outlier.middle}</span>
      <span><i class="key key-median"></i>${texts.outlier.median} ${formatCount(sample.median)}</span>
      ${posts.length === 0 && html`<span><i class="key key-best"></i>${texts.outlier.best} ${formatCount(sample.best)}</span>`}
      <span class="quiet">${texts.outlier.axis(metric)}</span>
    </figcaption>
  </figure>`;
}

function SampleList({ posts, metric }) {
  if (posts.length === 0) return null;
  return html`<details class="fold">
    <summary>${texts.outlier.sample} <span class="quiet">${posts.length}</span></summary>
    <ol class="sample">
      ${posts.toReversed().map((post, index) => {
        const address = safeAddress(post.url);
        return html`<li key=${index}><b class="numbers">${formatCount(post.count)}</b> ${metric}
          ${post.posted_at && html`<time class="quiet" datetime=${post.posted_at}>${formatDate(post.posted_at)}</time>`}
          ${address && html`<a href=${address} target="_blank" rel="noreferrer"><bdi>${address.replace(/^https?:\/\/(www\.)?/, "")}</bdi></a>`}</li>`;
      })}
    </ol>
  </details>`;
}

function anchorOf(index, count) {
  if (index === 0) return "start";
  return index === count - 1 ? "end" : "middle";
}
