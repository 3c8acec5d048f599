// What was used today, what is left, and the last 30 days.
import { get, getPages } from "../api.js";
import { formatDate } from "../format.js";
import { html } from "../html.js";
import { PlatformMark } from "../parts/platform.js";
import { Failure, Loading, useData } from "../parts/states.js";
import { UsageChart } from "../parts/usage_chart.js";
import { texts } from "../texts.js";

const MAX_PAGES = 5;
const COUNTED = [
  ["analyses", "url_lookups", "analyses_left", "max_analyses_per_day"],
  ["questions", "questions_asked", "questions_left", "max_questions_per_day"],
  ["handles", "handle_analyses", "handles_left", "max_handles"],
];

export function Usage() {
  const { data, error, reload } = useData(load, []);
  if (error) return html`<section class="page"><h1>${texts.usage.title}</h1><${Failure} error=${error} onRetry=${reload} /></section>`;
  if (!data) return html`<section class="page"><h1>${texts.usage.title}</h1><${Loading} lines=${6} /></section>`;
  const { limits, history } = data;
  const resetsAt = new Date(limits.resets_at).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return html`<section class="page">
    <header class="section-head"><h1>${texts.usage.title}</h1><a href="#/plan">${texts.errors.upgrade}</a></header>
    <p class="quiet">${texts.usage.resets(resetsAt)}</p>
    <div class="usage">
      ${limits.platforms.map(
        (platform) => html`<section key=${platform.platform} class="panel">
          <h2><${PlatformMark} platform=${platform.platform} /> ${texts.platforms[platform.platform]}</h2>
          <dl class="meters">${COUNTED.map(([name, , left, max]) => html`<${Meter} key=${name} name=${texts.usage[name]} used=${limits[max] - platform[left]} max=${limits[max]} />`)}</dl>
        </section>`,
      )}
    </div>
    <section class="block"><h2>${texts.usage.history}</h2>
      ${history.length === 0 ? html`<p class="quiet">${texts.usage.none}</p>` : html`<${UsageChart} days=${history} /><${HistoryTable} days=${history} />`}
    </section>
  </section>`;
}

async function load(signal) {
  const [limits, history] = await Promise.all([
    get("api/accounts/usage/limits/", { signal }),
    getPages("api/accounts/usage/history/", MAX_PAGES),
  ]);
  return { limits, history: history.results };
}

function Meter({ name, used, max }) {
  return html`<div>
    <dt>${name}</dt>
    <dd><span class="numbers">${texts.usage.of(used, max)}</span>
      <meter min="0" max=${max} value=${used} high=${max * 0.9} aria-label=${name}></meter></dd>
  </div>`;
}

function HistoryTable({ days }) {
  return html`<div class="table-scroll"><table>
    <thead><tr><th>${texts.usage.day}</th><th>${texts.usage.platform}</th>${COUNTED.map(([name]) => html`<th key=${name}>${texts.usage[name]}</th>`)}</tr></thead>
    <tbody>${days.map(
      (day) => html`<tr key=${`${day.date}${day.platform}`}><th scope="row">${formatDate(day.date)}</th><td>${texts.platforms[day.platform]}</td>
        ${COUNTED.map(([name, field]) => html`<td key=${name} class="numbers">${day[field]}</td>`)}</tr>`,
    )}</tbody>
  </table></div>`;
}
