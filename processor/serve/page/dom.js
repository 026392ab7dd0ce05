// Elements are made, never parsed: text is always text, so no id can be markup.

import { ago, harmless, shortTime } from "./text.js";

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "share") element.style.setProperty("--share", String(value));
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const componentHref = (id) => `#/component/${encodeURIComponent(id)}`;

export const componentLink = (id) =>
  h("a", { href: componentHref(id), "data-key": id }, h("bdi", {}, harmless(id)));

export function moment(time) {
  if (!time) return h("span", {}, "–");
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  return h("time", { datetime: time, title: shortTime(time) }, ago(seconds));
}

// Columns: [heading, class, cell of a row]; the first cell heads its row.
export function table(caption, columns, rows) {
  const cell = ([, kind, make], row, first) =>
    h(first ? "th" : "td", { class: kind, scope: first ? "row" : undefined }, make(row));
  return h("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    h("table", {},
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map(([heading, kind]) => h("th", { scope: "col", class: kind }, heading)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((column, i) => cell(column, row, i === 0)))))));
}

export function outcomeBar(row, most) {
  const total = row.install_failures + row.install_successes;
  const scale = Math.max(most, total, 1);
  return h("span", { class: "bar", "aria-hidden": "true" },
    h("span", { class: "bad", share: row.install_failures / scale }),
    h("span", { class: "ok", share: row.install_successes / scale }));
}

export const plainBar = (value, most) =>
  h("span", { class: "bar", "aria-hidden": "true" }, h("span", { class: "plain", share: value / Math.max(most, 1) }));

// Put new content in place of the old; who had the focus keeps it.
export function replace(container, ...content) {
  const focused = container.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.key ?? focused?.getAttribute("aria-label");
  const scrolled = [...container.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  container.replaceChildren(...content);
  container.querySelectorAll(".scroll").forEach((each, i) => { each.scrollLeft = scrolled[i] ?? 0; });
  if (!focused) return;
  const again = [...container.querySelectorAll("a, button, select, summary, [tabindex]")].find(
    (each) => (each.dataset.key ?? each.getAttribute("aria-label")) === key);
  again?.focus({ preventScroll: true });
}
