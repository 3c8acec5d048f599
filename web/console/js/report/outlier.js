// The post against the creator's comparable posts: their middle half, median and best, on a logarithmic axis.
import { formatCount, formatRatio } from "../format.js";
import { html } from "../html.js";
import { texts } from "../texts.js";

const WIDTH = 720;
const HEIGHT = 132;
const LEFT = 8;
const AXIS_Y = 96;
const BAR_Y = 52;
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
  return html`<section class="block">
    <h2>${texts.outlier.title}</h2>
    <p>${texts.outlier.lead(formatRatio(ratio), formatCount(sample.this), value("baseline_n"), metric)}</p>
    <${Plot} sample=${sample} metric=${metric} />
    <p class="quiet small">
      ${texts.outlier.range(formatRatio(value("outlier_ratio_low")), formatRatio(value("outlier_ratio_high")))}
      ${" "}${value("baseline_place") !== undefined && texts.outlier.place(value("baseline_place"), value("baseline_n") + 1)}
    </p>
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

function Plot({ sample, metric }) {
  const { x, ticks } = scaleOf(Object.values(sample));
  const description = `${texts.outlier.this} ${formatCount(sample.this)}; ${texts.outlier.median} ${formatCount(sample.median)}; ${texts.outlier.best} ${formatCount(sample.best)}`;
  return html`<figure class="plot">
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${description}>
      ${ticks.map(
        (tick, index) => html`<g key=${tick}>
          <line class="plot-grid" x1=${x(tick)} x2=${x(tick)} y1="24" y2=${AXIS_Y} />
          <text class="plot-tick" x=${x(tick)} y=${AXIS_Y + 20} text-anchor=${anchorOf(index, ticks.length)}>${formatCount(tick)}</text>
        </g>`,
      )}
      <line class="plot-range" x1=${x(Math.min(sample.low, sample.median))} x2=${x(sample.best)} y1=${BAR_Y + 12} y2=${BAR_Y + 12} />
      <rect class="plot-box" x=${x(sample.low)} width=${Math.max(x(sample.high) - x(sample.low), 2)} y=${BAR_Y} height="24" rx="4" />
      <line class="plot-median" x1=${x(sample.median)} x2=${x(sample.median)} y1=${BAR_Y - 4} y2=${BAR_Y + 28} />
      <circle class="plot-best" cx=${x(sample.best)} cy=${BAR_Y + 12} r="5" />
      <line class="plot-stem" x1=${x(sample.this)} x2=${x(sample.this)} y1="24" y2=${AXIS_Y} />
      <circle class="plot-this" cx=${x(sample.this)} cy=${BAR_Y + 12} r="9" />
      <text class="plot-label plot-label-this" x=${x(sample.this)} y="14" text-anchor=${x(sample.this) > WIDTH / 2 ? "end" : "start"}>${texts.outlier.this} · ${formatCount(sample.this)}</text>
    </svg>
    <figcaption class="legend">
      <span><i class="key key-box"></i>${texts.outlier.middle}</span>
      <span><i class="key key-median"></i>${texts.outlier.median} ${formatCount(sample.median)}</span>
      <span><i class="key key-best"></i>${texts.outlier.best} ${formatCount(sample.best)}</span>
      <span class="quiet">${texts.outlier.axis(metric)}</span>
    </figcaption>
  </figure>`;
}

function anchorOf(index, count) {
  if (index === 0) return "start";
  return index === count - 1 ? "end" : "middle";
}
