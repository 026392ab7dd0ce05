// What is going on: failing now, failures over time, what fails together, what people throw away, how fresh.

import { ask } from "./api.js";
import { failuresChart } from "./charts.js";
import { componentLink, h, moment, outcomeBar, plainBar, table } from "./dom.js";
import { ago, number, percent } from "./text.js";

const ROWS = 12, PAIRS = 12, SESSIONS = 1000, MATRIX = 10;
const VIEWS = {
  latest: ["Latest failures", { failing: "true", sort: "last_failure" }],
  most: ["Most failures", { failing: "true", sort: "failures" }],
  problematic: ["Problematic only", { problematic: "true", sort: "failures" }],
};
let shown = "latest";

export async function overview(refresh) {
  const [status, failing, sessions, pairs, removed, deprecated] = await Promise.all([
    ask("status"),
    ask("components", { ...VIEWS[shown][1], limit: ROWS }),
    ask("failure-sessions", { limit: SESSIONS }),
    ask("co-failures", { sort: "surprise", limit: PAIRS }),
    ask("components", { removed: 2, sort: "removals", limit: ROWS }),
    ask("components", { deprecated: "true", sort: "usage", limit: ROWS }),
  ]);
  return [
    tiles(status), failingNow(failing.components, refresh), overTime(sessions), pipeline(status),
    together(pairs.pairs), takenAway(removed.components), deprecatedInUse(deprecated.components),
  ];
}

const section = (title, kind, ...content) =>
  h("section", { class: kind, "aria-label": title }, h("h2", {}, title), ...content);
const empty = (text) => h("p", { class: "empty" }, text);

function tiles({ rows, lists }) {
  const tile = (name, value, alarm) =>
    h("div", { class: alarm && value ? "alarm" : undefined }, h("dt", {}, name), h("dd", {}, number(value)));
  return h("section", { class: "whole", "aria-label": "In numbers" },
    h("h1", { class: "visually-hidden" }, "The fleet's components"),
    h("dl", { class: "tiles" },
      tile("components", rows.components), tile("problematic", lists.problematic, true),
      tile("ever failed", lists.failing), tile("pairs that failed together", rows.pairs),
      tile("removed twice or more", lists.removed), tile("deprecated", lists.deprecated)));
}

function failingNow(rows, refresh) {
  const choice = h("select", { "aria-label": "Which failing components", onchange: (event) => { shown = event.target.value; refresh(); } },
    Object.entries(VIEWS).map(([key, [name]]) => h("option", { value: key, selected: key === shown }, name)));
  const most = Math.max(...rows.map((row) => row.install_failures + row.install_successes), 1);
  const title = "Failing now";
  return h("section", { class: "whole", "aria-label": title }, h("div", { class: "head" }, h("h2", {}, title), choice),
    rows.length ? table(title, [
      ["component", "", (row) => componentLink(row.component_id)],
      ["", "wide", (row) => row.is_problematic ? h("span", { class: "mark bad" }, "problematic") : ""],
      ["failed, installed", "", (row) => outcomeBar(row, most)],
      ["failed", "number", (row) => number(row.install_failures)],
      ["installed", "number wide", (row) => number(row.install_successes)],
      ["worked", "number", (row) => percent(row.success_rate)],
      ["last failure", "wide", (row) => moment(row.last_failure)],
    ], rows) : empty("No component fails."));
}

function overTime({ sessions, next }) {
  const times = sessions.map((each) => Date.parse(each.end) / 1000);
  const hosts = new Set(sessions.map((each) => each.host_id)).size;
  const mass = sessions.filter((each) => each.mass_failure).length;
  const more = next ? `The newest ${number(sessions.length)} sessions` : "All sessions that are remembered";
  return section("Failures over time", "", times.length
    ? [failuresChart(times), h("p", { class: "faint" }, `${more}, on ${number(hosts)} hosts; ${number(mass)} of them mass failures.`)]
    : empty("No failures lately."));
}

function together(pairs) {
  if (!pairs.length) return section("Failing together", "whole", empty("No two components failed together twice."));
  return section("Failing together", "whole", h("div", { class: "pair" }, matrix(pairs),
    table("Pairs that fail together, most surprising first", [
      ["component", "", (pair) => componentLink(pair.component_a)],
      ["fails together with", "", (pair) => componentLink(pair.component_b)],
      ["sessions", "number", (pair) => number(pair.count)],
      ["by chance", "number wide", (pair) => pair.expected.toFixed(1)],
    ], pairs)));
}

function matrix(pairs) {
  const ids = [];
  for (const { component_a: a, component_b: b } of pairs) {
    const fresh = [a, b].filter((id) => !ids.includes(id));
    if (ids.length + fresh.length <= MATRIX) ids.push(...fresh);
  }
  const counts = new Map(pairs.flatMap(({ component_a: a, component_b: b, count }) =>
    [[JSON.stringify([a, b]), count], [JSON.stringify([b, a]), count]]));
  const most = Math.max(...pairs.map((pair) => pair.count));
  const cell = (a, b) => {
    const count = counts.get(JSON.stringify([a, b])) ?? 0;
    return h("td", { class: a === b ? "self" : undefined, share: count / most }, count ? number(count) : "");
  };
  return h("div", { class: "scroll", role: "region", "aria-label": "Matrix of pairs", tabindex: "0" },
    h("table", { class: "matrix" },
      h("caption", { class: "visually-hidden" }, "In how many failure sessions each two of these failed together"),
      h("thead", {}, h("tr", {}, h("td", {}), ids.map((_, i) => h("th", { scope: "col" }, String(i + 1))))),
      h("tbody", {}, ids.map((a, i) =>
        h("tr", {}, h("th", { scope: "row" }, `${i + 1} `, componentLink(a)), ids.map((b) => cell(a, b)))))));
}

function takenAway(rows) {
  const most = Math.max(...rows.map((row) => row.removal_count), 1);
  return section("Taken away again", "", rows.length ? table("Components that people removed twice or more", [
    ["component", "", (row) => componentLink(row.component_id)],
    ["", "", (row) => plainBar(row.removal_count, most)],
    ["removed", "number", (row) => number(row.removal_count)],
    ["installed", "number wide", (row) => number(row.install_successes)],
  ], rows) : empty("Nothing was removed twice."));
}

function deprecatedInUse(rows) {
  const used = rows.filter((row) => row.usage_count > 0);
  const most = Math.max(...used.map((row) => row.usage_count), 1);
  return section("Deprecated, still in use", "", used.length ? table("Deprecated components that are still used", [
    ["component", "", (row) => componentLink(row.component_id)],
    ["", "", (row) => plainBar(row.usage_count, most)],
    ["used", "number", (row) => number(row.usage_count)],
    ["deprecated", "wide", (row) => moment(row.deprecated_at)],
  ], used) : empty(rows.length ? "Nothing deprecated is in use." : "Nothing is deprecated."));
}

const STATES = {
  idle: ["ok", "all events are folded"], folding: ["ok", "folding"],
  standing: ["bad", "standing still: events wait, and no worker folds them"], unknown: ["warn", "not known"],
};

function pipeline({ pipeline: told, delay_s: delay, changed_at: changed, rows, version }) {
  const [kind, text] = STATES[told?.state ?? "unknown"];
  const lags = Object.entries(told?.lag ?? {});
  return section("The pipeline", "",
    h("p", {}, h("span", { class: `mark ${kind}` }, told?.state ?? "unknown"), text),
    lags.length ? table("Work that waits, by topic", [
      ["topic", "", ([topic]) => topic], ["offsets to fold", "number", ([, lag]) => number(lag)],
    ], lags) : null,
    h("p", { class: "faint" }, delay === null ? "How fresh the answers are is not known." : `The answers are ${delay.toFixed(1)} s behind the topics. `,
      changed ? `The newest row was written ${ago((Date.now() - Date.parse(changed)) / 1000)}. ` : "No row yet. ",
      rows.bad ? `${number(rows.bad)} records were no rows. ` : "", `Fleetfold ${version}.`));
}
