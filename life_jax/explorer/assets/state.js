"use strict";
// The question that is asked: view, names, numbers. It is the part of the address behind #, so that a link restores it.
LJ.state = null;
LJ.NAMES = ["hw", "model", "opt", "engine"];

LJ.stackOf = (text) => (text === "none" || text === "" ? [] : text.split("+"));
LJ.stackText = (stack) => stack.join("+") || "none";

LJ.toHash = (state) => {
  const words = new URLSearchParams();
  words.append("view", state.view);
  for (const key of LJ.NAMES) for (const name of state[key]) words.append(key, key === "opt" ? LJ.stackText(name) : name);
  for (const [key, value] of Object.entries(state.numbers)) words.append(`n.${key}`, value);
  for (const [key, value] of Object.entries(state.settings)) if (value !== "" && value !== null) words.append(`s.${key}`, value);
  return `#${words}`;
};

LJ.fromHash = (hash, initial) => {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { view: initial.view, numbers: { ...initial.numbers }, settings: {} };
  const typed = words.has("view");
  for (const key of LJ.NAMES) {
    const names = words.getAll(key).slice(0, 64);
    state[key] = typed && words.has("hw") ? names.map((name) => (key === "opt" ? LJ.stackOf(name) : name)) : initial[key].slice();
  }
  if (!state.opt.length) state.opt = [[]];
  if (typed) {
    state.numbers = {};
    for (const [key, value] of words) {
      if (key.startsWith("n.") && value.trim() !== "" && Number.isFinite(Number(value))) state.numbers[key.slice(2)] = Number(value);
      if (key.startsWith("s.")) state.settings[key.slice(2)] = value.slice(0, 2000);
    }
    for (const [key, value] of Object.entries(initial.numbers)) state.numbers[key] ??= value;
  }
  if (LJ.VIEWS[words.get("view")]) state.view = words.get("view");
  return state;
};

let writing = 0, written = "";
LJ.remember = () => {
  clearTimeout(writing);
  writing = setTimeout(() => {
    written = LJ.toHash(LJ.state);
    try { history.replaceState(null, "", written); } catch { /* a page inside of a notebook has no address */ }
  }, 150);
};
LJ.link = () => location.href.split("#")[0] + LJ.toHash(LJ.state);
window.addEventListener("hashchange", () => { if (location.hash !== written) LJ.restore(); });

// ---- asking: one question at a time for each view, the last one wins; no answer is waited for by the page
LJ.question = (state = LJ.state) => {
  const { hw, model, opt, engine, numbers } = state;
  return { hw, model, opt, engine, numbers };
};

LJ.fetch = async (what, body) => {
  const reply = await fetch(what, body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), cache: "no-store",
  });
  const content = await reply.json();
  if (!reply.ok) throw Object.assign(new Error(content.error || `status ${reply.status}`), { more: content.more || [] });
  return content;
};

// answers by question, the last used at the end: a hand goes to and fro
const kept = new Map(), MOST_KEPT = 60;
LJ.ask = (view, question, settings) => {
  if (LJ.snapshot) return LJ.fromSnapshot(view, question, settings);
  const body = { question, settings }, key = JSON.stringify([view, body]);
  const answer = kept.get(key) || LJ.fetch(view, body);
  kept.delete(key);
  kept.set(key, answer);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  answer.catch(() => { kept.delete(key); });
  return answer;
};
LJ.forget = () => kept.clear();

// while nothing else is asked, what the next place of a slider will need that goes from place to place
LJ.hand = null; // {word, places, index, step}
const lookAhead = () => {
  const { hand, state } = LJ, next = hand && hand.places[hand.index + hand.step];
  if (!hand || Math.abs(hand.step) !== 1 || running || LJ.snapshot || next === undefined || !LJ.VIEWS[state.view].looksAhead || !(hand.word in state.numbers)) return;
  LJ.VIEWS[state.view].ask({ ...state, numbers: { ...state.numbers, [hand.word]: next } }).catch(() => {});
};

LJ.moves = []; // milliseconds from a change to what it shows
let running = false, waiting = false, busy = 0;
LJ.running = () => running;
LJ.following = 0; // answers that come after the first one of a view
LJ.follow = async (work) => {
  LJ.following += 1;
  try { await work(); } catch (error) { LJ.fault(error); } finally { LJ.following -= 1; }
};
LJ.update = (started = performance.now()) => {
  if (running) { waiting = waiting || started; return; }
  running = true;
  const state = LJ.state, view = LJ.VIEWS[state.view];
  LJ.remember();
  busy = setTimeout(() => { LJ.byId("busy").hidden = false; LJ.byId("main").setAttribute("aria-busy", "true"); }, 200);
  const finish = () => {
    clearTimeout(busy);
    LJ.byId("busy").hidden = true;
    LJ.byId("main").removeAttribute("aria-busy");
    running = false;
    if (waiting) { const again = waiting; waiting = false; LJ.update(again); } else setTimeout(lookAhead, 0);
  };
  Promise.resolve().then(() => view.ask(state)).then((answer) => {
    if (state.view !== LJ.state.view) return;
    LJ.fault(null);
    if (!answer.preview) LJ.same(answer, state); // before the view, which may know more
    view.show(answer, state);
    LJ.answer = answer;
    requestAnimationFrame(() => { LJ.moves.push(performance.now() - started); LJ.shown = (LJ.shown || 0) + 1; });
  }).catch((error) => { LJ.fault(error); LJ.shown = (LJ.shown || 0) + 1; }).finally(finish);
};

LJ.fault = (error) => {
  const place = LJ.byId("error");
  place.replaceChildren();
  if (!error) return;
  place.append(LJ.h("strong", {}, "This cannot be answered: "), error.message || String(error));
  if (error.more && error.more.length) place.append(LJ.h("pre", {}, error.more.join("\n")));
};

// ---- what makes the same numbers: command line, link, what is to know
LJ.same = (answer, state) => {
  const place = LJ.byId("same");
  const warnings = answer.warnings && answer.warnings.length
    ? [LJ.h("h3", {}, "Good to know"), LJ.h("ul", { class: "notes" }, answer.warnings.map((line) => LJ.h("li", {}, line)))] : [];
  const commands = (answer.commands || []).map((line) => [
    LJ.h("pre", { tabindex: "0", "aria-label": "command" }, line),
    LJ.h("button", { type: "button", class: "small", onclick: () => LJ.copy(line, "command") }, "Copy command"),
  ]);
  place.replaceChildren(...[
    LJ.snapshot ? LJ.h("p", { class: "quiet" }, "This page carries its numbers and asks nobody. Other numbers, devices and models, and plans, need a server: life-jax explore.") : null,
    ...warnings,
    LJ.h("h3", {}, commands.length ? "The command line that makes these numbers" : "This page"),
    ...commands.flat(),
    " ",
    LJ.h("button", { type: "button", class: "small", id: "share", onclick: () => LJ.copy(LJ.link(), "link") }, "Copy link to this view"),
    location.protocol === "about:" ? null : LJ.h("details", {}, LJ.h("summary", {}, "Link"), LJ.h("p", {}, LJ.h("code", { class: "link" }, LJ.link()))),
  ].filter(Boolean));
};
