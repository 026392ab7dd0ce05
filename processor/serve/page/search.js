// Search as you type: a combobox with a list, by keyboard, pointer and screen reader.

import { ask } from "./api.js";
import { componentHref, h } from "./dom.js";
import { harmless, number } from "./text.js";

const PAUSE_MS = 120, LIMIT = 12;
const input = document.getElementById("search");
const list = document.getElementById("found");
let found = [], active = -1, timer, asking;

function close() {
  list.hidden = true;
  active = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function open(id) {
  close();
  input.value = "";
  location.hash = componentHref(id).slice(1);
}

function activate(index) {
  const options = [...list.querySelectorAll("[role=option]")];
  if (!options.length) return;
  active = (index + options.length) % options.length;
  options.forEach((option, i) => option.setAttribute("aria-selected", String(i === active)));
  options[active].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", options[active].id);
}

function show(text) {
  const options = found.map((row, i) =>
    h("li", { role: "option", id: `found-${i}`, "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); open(row.component_id); } },
      h("bdi", {}, harmless(row.component_id)),
      h("span", { class: "faint" }, `${number(row.install_failures)} failed`)));
  const none = h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, text);
  list.replaceChildren(...(options.length ? options : [none]));
  list.hidden = false;
  active = -1;
  input.setAttribute("aria-expanded", "true");
}

async function search() {
  asking?.abort();
  const q = input.value;
  if (!q) { close(); return; }
  asking = new AbortController();
  try {
    const answer = await ask("components", { q, sort: "failures", limit: LIMIT }, asking.signal);
    found = answer.components;
    show("No component has this in its id");
  } catch (error) {
    if (error.name === "AbortError") return;
    found = [];
    show(`Search failed: ${error.message}`);
  }
}

export function startSearch() {
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, PAUSE_MS); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", async (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      activate(active + (event.key === "ArrowDown" ? 1 : active < 0 ? 0 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (list.hidden) { clearTimeout(timer); await search(); }
      if (found.length && !list.hidden) open(found[Math.max(active, 0)].component_id);
    } else if (event.key === "Escape") {
      close();
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
    }
  });
}
