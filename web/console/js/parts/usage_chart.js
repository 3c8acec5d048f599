// Posts analysed a day, drawn by uPlot, which is loaded only here.
import { html, useEffect, useRef } from "../html.js";
import { texts } from "../texts.js";

const DAYS = 30;
const DAY_S = 86_400;
const HEIGHT = 160;

export function UsageChart({ days }) {
  const place = useRef();
  useEffect(() => {
    let plot = null;
    let isGone = false;
    const draw = async () => {
      await loadLibrary();
      if (isGone) return;
      plot = new window.uPlot(optionsFor(place.current), dataOf(days), place.current);
    };
    draw().catch((error) => console.error(error)); // the table below shows the same figures
    const observer = new ResizeObserver(([entry]) => plot?.setSize({ width: entry.contentRect.width, height: HEIGHT }));
    observer.observe(place.current);
    return () => {
      isGone = true;
      observer.disconnect();
      plot?.destroy();
    };
  }, [days]);
  return html`<figure class="chart"><div ref=${place} role="img" aria-label=${texts.usage.chart}></div></figure>`;
}

function dataOf(days) {
  const totals = new Map();
  for (const day of days) totals.set(day.date, (totals.get(day.date) ?? 0) + day.url_lookups);
  const today = Math.floor(Date.now() / 1000 / DAY_S) * DAY_S;
  const times = Array.from({ length: DAYS }, (_, index) => today - (DAYS - 1 - index) * DAY_S);
  return [times, times.map((time) => totals.get(new Date(time * 1000).toISOString().slice(0, 10)) ?? 0)];
}

function optionsFor(element) {
  const style = getComputedStyle(element);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: color("--ink-quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: `12px ${style.fontFamily}` };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { x: { range: (_, min, max) => [min - DAY_S / 2, max + DAY_S / 2] }, y: { range: (_, __, max) => [0, Math.max(max, 4)] } },
    axes: [{ ...axis, grid: { show: false }, values: "{MMM} {D}" }, { ...axis, size: 36, incrs: [1, 2, 5, 10, 25, 50, 100, 250] }],
    series: [{}, { fill: color("--accent"), stroke: color("--accent"), width: 0, points: { show: false }, paths: window.uPlot.paths.bars({ size: [0.6, 24], radius: 0.2 }) }],
  };
}

let library = null;

function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const styles = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("../../vendor/uplot.css", import.meta.url).href });
    const script = Object.assign(document.createElement("script"), { src: new URL("../../vendor/uplot.js", import.meta.url).href });
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => { library = null; reject(new Error("uPlot could not be loaded")); });
    document.head.append(styles, script);
  });
  return library;
}
