// Charts of time, by uPlot; each stands in a figure whose caption says the same in words.

/* global uPlot */
import { h } from "./dom.js";
import { number, shortTime } from "./text.js";

const BUCKETS = 48, STEPS_S = [1, 5, 15, 60, 300, 900, 3600, 10800, 21600, 86400, 604800];
const HEIGHT_PX = 180;
let drawn = null;

// Count times (in seconds) in equal steps: as fine as fits.
export function counted(times) {
  const first = Math.min(...times), last = Math.max(...times);
  const step = STEPS_S.find((each) => (last - first) / each < BUCKETS) ?? STEPS_S.at(-1);
  const begin = Math.floor(first / step) * step;
  const counts = new Array(Math.floor((last - begin) / step) + 1).fill(0);
  for (const time of times) counts[Math.floor((time - begin) / step)] += 1;
  return { step, begins: counts.map((_, i) => begin + i * step), counts };
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function failuresChart(times) {
  const { step, begins, counts } = counted(times);
  const most = Math.max(...counts), at = begins[counts.indexOf(most)];
  const box = h("div", { class: "chart", "aria-hidden": "true" });
  const caption = `${number(times.length)} failure sessions, in steps of ${stepName(step)}; ` +
    `the most, ${number(most)}, from ${shortTime(new Date(at * 1000).toISOString())} on.`;
  setTimeout(draw, 0, box, begins, counts, step); // once it stands in the page and has a width
  return h("figure", {}, box, h("figcaption", { class: "faint" }, caption));
}

function axisTime(seconds, step) {
  const text = new Date(seconds * 1000).toISOString();
  if (step >= 86400) return text.slice(0, 10);
  return text.slice(11, 16) === "00:00" ? text.slice(5, 10) : text.slice(11, step < 60 ? 19 : 16);
}

function stepName(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${seconds / 60} min`;
  return seconds < 86400 ? `${seconds / 3600} h` : `${seconds / 86400} d`;
}

function draw(box, begins, counts, step) {
  if (!box.isConnected || typeof uPlot === "undefined") return;
  drawn?.destroy();
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  drawn = new uPlot({
    width: box.clientWidth, height: HEIGHT_PX, legend: { show: false }, cursor: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
    scales: {
      x: { range: () => [begins[0] - step, begins.at(-1) + step] },
      y: { range: (_, __, most) => [0, Math.max(most, 1)] },
    },
    axes: [{ ...axis, values: (_, splits) => splits.map((each) => axisTime(each, step)) }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] }],
    series: [{}, { fill: colour("--bad"), stroke: colour("--bad"), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 40] }) }],
  }, [begins, counts], box);
}

addEventListener("resize", () => drawn?.setSize({ width: drawn.root.parentElement.clientWidth, height: HEIGHT_PX }));
