// What is held against a component: why, since when, and the numbers that it rests on.

import { componentLink, h, moment } from "./dom.js";
import { harmless, number, percent, shortTime } from "./text.js";

const NAMES = {
  problematic: ["problematic", "bad"], conflicts_with: ["conflict", "bad"],
  frequently_removed: ["frequently removed", "warn"], deprecated_in_use: ["deprecated, in use", "warn"],
};

export const verdictMarks = (verdicts) => [...new Set(verdicts.map((each) => each.kind))].map((kind) => {
  const [name, colour] = NAMES[kind] ?? [kind, "warn"];
  return h("span", { class: `mark ${colour}` }, name);
});

export function verdictList(verdicts) {
  if (!verdicts.length) return null;
  return h("section", { class: "whole", "aria-label": "Verdicts" }, h("h2", {}, "Why"),
    h("ul", { class: "story" }, verdicts.map((each) => h("li", { class: NAMES[each.kind]?.[1] ?? "" },
      h("bdi", {}, harmless(each.reason)), each.other ? h("span", {}, " See ", componentLink(each.other), ".") : "",
      h("br"), h("span", { class: "faint" }, "since ", moment(each.since), ` – ${numbers(each)}`), overridden(each.override)))),
    h("p", {}, h("a", { href: "page/verdicts.html" }, "How verdicts are computed")));
}

function overridden(override) {
  if (!override) return "";
  return h("span", {}, h("br"), h("span", { class: "mark warn" }, "overridden"), " by ", h("bdi", {}, harmless(override.by)),
    " until ", h("time", { datetime: override.until }, shortTime(override.until)), ": ", h("bdi", {}, harmless(override.reason)));
}

function numbers({ confidence, evidence }) {
  const told = [`confidence ${(confidence * 100).toFixed(2)} %`];
  if (evidence.rate !== null) {
    told.push(`rate ${percent(evidence.rate)} (95 %: ${percent(evidence.rate_low)} to ${percent(evidence.rate_high)})`);
  }
  if (evidence.count !== null) {
    told.push(`${number(evidence.count)} sessions, ${number(evidence.lift)} times chance`, `q ${evidence.q_value.toPrecision(2)}`);
  }
  return told.join(", ");
}
