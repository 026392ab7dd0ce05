// One component's story: its counts, its time line, what happened last, and who fails together with it.

import { ask } from "./api.js";
import { failuresChart } from "./charts.js";
import { componentLink, h, moment, outcomeBar, plainBar, table } from "./dom.js";
import { harmless, number, percent, shortTime } from "./text.js";
import { timeLine } from "./timeline.js";
import { verdictList, verdictMarks } from "./verdicts.js";

const SESSIONS = 200, LISTED = 20, CONFLICTS = 50;

export async function story(id, refresh) {
  const [found, together, sessions] = await Promise.all([
    ask("components", { component_id: id, history: "true", limit: 1 }),
    ask("co-failures", { component: id, limit: CONFLICTS }),
    ask("failure-sessions", { component: id, limit: SESSIONS }),
  ]);
  const row = found.components[0];
  if (!row) return [unknown(id)];
  return [
    summary(row), verdictList(row.verdicts), row.history ? timeLine(row.history, refresh) : null,
    moments(row, sessions.sessions), conflicts(id, together.pairs),
  ];
}

const title = (id) => h("h1", {}, h("bdi", {}, harmless(id)));
const back = () => h("p", {}, h("a", { href: "#/" }, "← All components"));

function unknown(id) {
  return h("section", { class: "whole", "aria-label": "Unknown component" }, back(), title(id),
    h("p", { class: "empty" }, "This component was never seen."));
}

function marks(row) {
  return [
    verdictMarks(row.verdicts),
    row.is_problematic && !held(row, "problematic") ? h("span", { class: "mark bad" }, "problematic") : null,
    row.deprecated_at && !held(row, "deprecated_in_use") ? h("span", { class: "mark warn" }, "deprecated") : null,
    !row.is_problematic && !row.deprecated_at && !row.verdicts.length ? h("span", { class: "mark ok" }, "nothing against it") : null,
  ].flat();
}

const held = (row, kind) => row.verdicts.some((each) => each.kind === kind);

function summary(row) {
  const tile = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  const tried = row.install_successes + row.install_failures > 0;
  return h("section", { class: "whole", "aria-label": "Summary" }, back(), title(row.component_id),
    h("p", {}, marks(row)), outcomeBar(row, 1),
    h("dl", { class: "tiles" },
      tile("failed", number(row.install_failures)), tile("failure sessions", number(row.failure_sessions ?? 0)),
      tile("installed", number(row.install_successes)),
      tile("worked", tried ? percent(row.success_rate) : "untried"), tile("score multiplier", row.score_multiplier.toFixed(2)), tile("shrunk rate", row.shrunk_rate.toFixed(2)),
      tile("used", number(row.usage_count)), tile("removed", number(row.removal_count))));
}

function moments(row, sessions) {
  const told = [
    [row.first_seen, "", "first seen"], [row.last_success, "ok", "last installed"],
    [row.last_failure, "bad", "last failed"], [row.deprecated_at, "warn", "called deprecated"],
    ...sessions.slice(0, LISTED).map((each) => [each.end, "bad", failedWith(each, row.component_id)]),
  ].filter(([time]) => time);
  told.sort(([a], [b]) => (a < b ? 1 : -1));
  const times = sessions.map((each) => Date.parse(each.end) / 1000);
  return h("section", { "aria-label": "What happened" }, h("h2", {}, "What happened"),
    !row.history && times.length > 1 ? failuresChart(times) : null, // a service that follows no time lines
    h("ol", { class: "story" }, told.map(([time, kind, what]) =>
      h("li", { class: kind }, moment(time), " – ", what, h("span", { class: "faint" }, ` (${shortTime(time)})`)))));
}

function failedWith(session, id) {
  const others = (session.components ?? []).filter((each) => each !== id);
  const host = session.host_id ? ` on ${harmless(session.host_id)}` : "";
  if (!others.length) return `failed alone${host}`;
  return h("span", {}, `failed${host} together with `, others.slice(0, 5).flatMap((each, i) => [i ? ", " : "", componentLink(each)]),
    others.length > 5 ? ` and ${number(others.length - 5)} more` : "");
}

function conflicts(id, pairs) {
  const rows = pairs.map((pair) => ({ ...pair, other: pair.component_a === id ? pair.component_b : pair.component_a }));
  const most = Math.max(...rows.map((row) => row.count), 1);
  return h("section", { "aria-label": "Conflicts" }, h("h2", {}, "Fails together with"),
    rows.length ? table("Components that failed together with it", [
      ["component", "", (row) => componentLink(row.other)], ["", "", (row) => plainBar(row.count, most)],
      ["sessions", "number", (row) => number(row.count)], ["by chance", "number wide", (row) => row.expected.toFixed(1)],
    ], rows) : h("p", { class: "empty" }, "Nothing failed together with it twice."));
}
