// Which view is shown, and keeping it up: each change of the fleet lets it be asked for again, at most four times
// a second, and at once after a quiet time.

import { ask, follow, setToken } from "./api.js";
import { h, replace } from "./dom.js";
import { overview } from "./overview.js";
import { startSearch } from "./search.js";
import { story } from "./story.js";
import { number } from "./text.js";

const QUIET_MS = 250, STALE_S = 10;
const main = document.getElementById("main");
const fresh = document.getElementById("fresh");
const notice = document.getElementById("notice");
let route = "", shownAt = -Infinity, timer = 0, wanted = 0, connected = false;

function view() {
  const match = /^#\/component\/(.+)$/.exec(location.hash);
  if (!match) return { title: "Fleetfold", make: () => overview(refresh) };
  let id = match[1];
  try { id = decodeURIComponent(match[1]); } catch { /* a hash that somebody typed: taken as it stands */ }
  return { title: "Component – Fleetfold", make: () => story(id, refresh) };
}

async function render() {
  const turn = ++wanted;
  shownAt = performance.now();
  const here = location.hash || "#/", moved = route && route !== here;
  const { title, make } = view();
  try {
    const content = await make();
    if (turn !== wanted) return;
    document.title = title;
    replace(main, ...content.filter(Boolean));
    tell("");
    if (moved) main.focus();
    route = here;
  } catch (error) {
    if (turn === wanted) failed(error);
  }
}

function refresh() {
  clearTimeout(timer);
  timer = setTimeout(render, 0);
}

function changed() {
  if (timer && shownAt + QUIET_MS > performance.now()) {
    clearTimeout(timer);
    timer = setTimeout(render, shownAt + QUIET_MS - performance.now());
  } else {
    refresh();
  }
}

function failed(error) {
  if (error.status === 401 || error.status === 403) askForToken(error);
  else if (error.status === 503) { tell(`Not ready: ${error.message}.`); setTimeout(refresh, 2000); }
  else tell(`The service does not answer (${error.message}). What you see may be old.`);
}

function askForToken(error) {
  if (main.querySelector(".token")) return;
  const input = h("input", { type: "password", autocomplete: "off", required: true });
  replace(main, h("section", { class: "whole" }, h("h1", {}, "A token, please"), h("p", {}, error.message),
    h("form", { class: "token", onsubmit: (event) => { event.preventDefault(); setToken(input.value); location.reload(); } },
      h("label", {}, "Bearer token with the scope read", input), h("button", {}, "Show the answers"))));
}

function tell(text) {
  if (notice.textContent !== text) notice.textContent = text;
  notice.hidden = !text;
}

function freshness(state, text) {
  fresh.dataset.state = state;
  if (fresh.textContent !== text) fresh.textContent = text;
}

function status(told) {
  if (!told.ready) freshness("waiting", `Reading rows: ${Math.floor(told.progress * 100)} %`);
  else if (told.delay_s !== null && told.delay_s > STALE_S) {
    freshness("stale", `Stale: ${number(Math.round(told.delay_s))} s old`);
    tell(`Kafka has not answered for ${number(Math.round(told.delay_s))} s. What you see may be old.`);
  } else if (told.pipeline?.state === "standing") freshness("stale", "Standing still: no worker folds");
  else { freshness("live", "Live"); if (connected) tell(""); }
}

function onEvent(name, data) {
  connected = true;
  if (name === "status") status(data);
  else changed();
}

function onBroken(error) {
  connected = false;
  if (error.status === 401 || error.status === 403) return;
  freshness("stale", "No connection");
  tell("The service does not answer. What you see may be old.");
}

addEventListener("hashchange", render);
setInterval(changed, 30000); // the times that are shown grow older
startSearch();
render();
follow(onEvent, onBroken);
ask("status").then(status, () => {});
