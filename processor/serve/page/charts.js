// Charts of time, by uPlot; each stands in a figure whose caption says the same in words.

/* global uPlot */
import { h } from "./dom.js";
import { number, shortTime } from "./text.js";

const BUCKETS = 48, STEPS_S = [1, 5, 15, 60, 300, 900, 3600, 10800, 21600, 86400, 604800];
const HEIGHT_PX = 170;
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
  setTimeout(draw, 0, box, begins, [["--bad", counts]], step); // once it stands in the page and has a width
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

const bars = (name) => ({
  fill: colour(name), stroke: colour(name), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 40] }),
});

// Draw rows of bars over the same steps, each in front of the one before; a later drawing takes its place.
function draw(box, begins, rows, step, more = {}) {
  if (!box.isConnected || typeof uPlot === "undefined") return;
  drawn?.destroy();
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  drawn = new uPlot({
    width: box.clientWidth, height: HEIGHT_PX, legend: { show: false }, cursor: { show: false }, ...more,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
    scales: {
      x: { range: () => [begins[0] - step, begins.at(-1) + step] },
      y: { range: (_, __, most) => [0, Math.max(most, 1)] },
    },
    axes: [{ ...axis, size: 30, space: step < 86400 ? 50 : 90, values: (_, splits) => splits.map((each) => axisTime(each, step)) }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 100000] }],
    series: [{}, ...rows.map(([name]) => bars(name))],
  }, [begins, ...rows.map(([, counts]) => counts)], box);
}

// Failures in front of all attempts, so that the rest of a bar is what worked. The pointer chooses a bar, and
// `onChoose` gets its index, or null when the pointer leaves; `choose` marks one, for the keyboard.
export function outcomesChart({ begins, failed, installed, step, chosen, onChoose }) {
  const attempts = failed.map((count, i) => count + installed[i]);
  const cursor = { y: false, points: { show: false }, drag: { x: false, y: false } };
  const stands = () => drawn?.root.parentElement === box;
  const choose = (index) => {
    if (stands()) drawn.setCursor(index === null ? { left: -10, top: -10 } : { left: drawn.valToPos(begins[index], "x"), top: 0 }, false);
  };
  const onmousemove = ({ clientX }) => {
    if (stands()) onChoose(drawn.posToIdx(clientX - drawn.over.getBoundingClientRect().left));
  };
  const box = h("div", { class: "chart", onmousemove, onmouseleave: () => onChoose(null) });
  setTimeout(() => {
    draw(box, begins, [["--ok", attempts], ["--bad", failed]], step, { cursor });
    choose(chosen);
  });
  return { box, choose };
}

addEventListener("resize", () => drawn?.setSize({ width: drawn.root.parentElement.clientWidth, height: HEIGHT_PX }));
