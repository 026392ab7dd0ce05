// What happened to a component by hour and by day: bars, one of which is told in words, and the same as a table.

import { outcomesChart } from "./charts.js";
import { h, table } from "./dom.js";
import { number, shortTime } from "./text.js";

const WINDOWS = {
  hours: { name: "48 hours", step: 3600, count: 48, unit: "hour", width: 16 },
  days: { name: "90 days", step: 86400, count: 90, unit: "day", width: 10 },
};
// What the person chose stays chosen when the page is kept up: which window, which bar, the table open or not.
let shown = "hours", chosen = null, open = false;

const seconds = (bucket) => Date.parse(bucket.start) / 1000;
const when = (time, { width }) => `${shortTime(new Date(time * 1000).toISOString()).slice(0, width)} UTC`;
const sum = (buckets, name) => buckets.reduce((total, each) => total + each[name], 0);

function words(bucket) {
  const more = [["usage_count", "used"], ["removal_count", "removed"]].filter(([name]) => bucket[name]);
  return [["install_failures", "failed"], ["install_successes", "installed"], ...more]
    .map(([name, what]) => `${number(bucket[name])} ${what}`).join(", ");
}

// All steps of the window up to its newest count, those without a count too.
function filled(buckets, { step, count }) {
  const known = new Map(buckets.map((each) => [seconds(each), each]));
  const last = seconds(buckets.at(-1));
  const begins = Array.from({ length: count }, (_, i) => last - (count - 1 - i) * step);
  const none = { install_failures: 0, install_successes: 0, usage_count: 0, removal_count: 0 };
  return { begins, rows: begins.map((begin) => known.get(begin) ?? none) };
}

export function timeLine(history, refresh) {
  const window = WINDOWS[shown], buckets = history[shown];
  const choice = Object.entries(WINDOWS).map(([key, { name }]) => h("button", {
    "aria-pressed": String(key === shown), "data-key": `time line ${key}`,
    onclick: () => { shown = key; chosen = null; refresh(); },
  }, name));
  const head = h("div", { class: "head" }, h("h2", {}, "Successes and failures"),
    h("div", { class: "choice", role: "group", "aria-label": "Which time" }, choice));
  return h("section", { class: "whole", "aria-label": "Time line" }, head,
    buckets.length ? [chart(buckets, window), asTable(buckets, window)]
      : h("p", { class: "empty" }, "Nothing was counted yet."));
}

function chart(buckets, window) {
  const { begins, rows } = filled(buckets, window);
  const failed = rows.map((row) => row.install_failures), installed = rows.map((row) => row.install_successes);
  const most = Math.max(...failed);
  const all = Object.fromEntries(["install_failures", "install_successes", "usage_count", "removal_count"]
    .map((name) => [name, sum(buckets, name)]));
  const caption = `The ${window.name} up to ${when(begins.at(-1), window)}: ${words(all)}.` +
    (most ? ` The most failures in one ${window.unit}, ${number(most)}: ${when(begins[failed.indexOf(most)], window)}.` : "");
  const told = h("p", { class: "told", "aria-live": "polite" });
  const tell = (index) => {
    chosen = index === null ? null : begins[index];
    told.textContent = index === null ? "Point at a bar, or choose one with the arrow keys."
      : `${when(begins[index], window)}: ${words(rows[index])}`;
  };
  const before = chosen === null ? -1 : begins.indexOf(chosen);
  tell(before < 0 ? null : before);
  const { box, choose } = outcomesChart({ begins, failed, installed, step: window.step, chosen: before < 0 ? null : before, onChoose: tell });
  const keys = h("div", { class: "bars", tabindex: "0", role: "group", "aria-roledescription": "bar chart",
    "aria-label": `Successes and failures by ${window.unit}: the arrow keys go from bar to bar`,
    onkeydown: (event) => {
      const index = next(event.key, begins.indexOf(chosen), begins.length);
      if (index === undefined) return;
      event.preventDefault();
      tell(index);
      choose(index);
    } }, box);
  return h("figure", {}, legend(), keys, told, h("figcaption", { class: "faint" }, caption));
}

const legend = () => h("p", { class: "legend", "aria-hidden": "true" },
  h("span", { class: "bad" }), "failed", h("span", { class: "ok" }), "installed");

// Which bar a key leads to; from none, the newest.
function next(key, index, count) {
  if (key === "Escape") return null;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key !== "ArrowLeft" && key !== "ArrowRight") return undefined;
  if (index < 0) return count - 1;
  return Math.min(Math.max(index + (key === "ArrowLeft" ? -1 : 1), 0), count - 1);
}

function asTable(buckets, window) {
  const cell = (name) => (bucket) => number(bucket[name]);
  return h("details", { open, ontoggle: (event) => { open = event.target.open; } },
    h("summary", { "data-key": "time line table" }, "As a table"),
    table(`Outcomes by ${window.unit}, newest first`, [
      [window.unit, "", (bucket) => when(seconds(bucket), window)],
      ["failed", "number", cell("install_failures")], ["installed", "number", cell("install_successes")],
      ["used", "number wide", cell("usage_count")], ["removed", "number wide", cell("removal_count")],
    ], buckets.toReversed()));
}
