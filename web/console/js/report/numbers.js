// The counts of the platform and the ratios that matter, as tiles.
import { formatCount, formatPercent, formatRatio, nameOf } from "../format.js";
import { html } from "../html.js";
import { texts } from "../texts.js";

const COUNTS = ["views", "likes", "comments", "shares", "quotes", "bookmarks", "followers"];
const RATIOS = { engagements_per_view: formatPercent, views_per_follower: formatRatio, engagements_per_follower: formatRatio };

export function Numbers({ post, facts }) {
  const counts = COUNTS.map((name) => [name, facts.get(name)?.value ?? post.metrics?.[name]]).filter(([, value]) => typeof value === "number");
  const ratios = Object.entries(RATIOS).filter(([name]) => facts.has(name));
  if (counts.length + ratios.length === 0) return null;
  return html`<section class="block">
    <h2 class="hidden">${texts.numbers.title}</h2>
    <dl class="tiles">
      ${counts.map(([name, value]) => html`<div key=${name}><dt>${nameOf(name)}</dt><dd>${formatCount(value)}</dd></div>`)}
      ${ratios.map(([name, format]) => html`<div key=${name}><dt>${nameOf(name)}</dt><dd>${format(facts.get(name).value)}</dd></div>`)}
    </dl>
  </section>`;
}
