"use strict";
// What the question is made of: names to pick, numbers to slide. Everything is a native control with a label.
let counter = 0;
LJ.id = (start) => `${start}-${(counter += 1)}`;

// ---- names
const KINDS = { hw: "Devices", model: "Models", opt: "Stacks of options", engine: "Engines" };
const ONE = { hw: "a device", model: "a model", opt: "a stack, such as int4+kv8", engine: "an engine" };
const asText = (key, name) => (key === "opt" ? LJ.stackText(name) : name);
const asName = (key, text) => (key === "opt" ? LJ.stackOf(text) : text);

LJ.datalist = (key) => {
  const id = `names-${key}`;
  if (!LJ.byId(id)) {
    const names = key === "opt" ? ["none", ...LJ.menus.opt] : LJ.menus[key];
    document.body.append(LJ.h("datalist", { id }, names.map((name) => LJ.h("option", { value: name }))));
  }
  return id;
};

LJ.picker = (key, { most = 24, changed } = {}) => {
  const state = LJ.state, id = LJ.id(key);
  const named = LJ.snapshot ? LJ.menus[key] : null; // a page without a server has these and no others
  const input = named ? LJ.h("select", { id })
    : LJ.h("input", { type: "text", id, list: LJ.datalist(key), placeholder: `add ${ONE[key]}`, maxlength: 200, spellcheck: "false", autocapitalize: "off" });
  const chips = LJ.h("ul", { class: "chips" });
  const left = () => named.filter((name) => !state[key].some((own) => asText(key, own) === name));
  const draw = () => {
    if (named) input.hidden = !left().length;
    if (named) input.replaceChildren(...["", ...left()].map((name) => LJ.h("option", { value: name }, name || `add one of ${left().length}`)));
    drawChips();
  };
  const drawChips = () => chips.replaceChildren(...state[key].map((name, i) => {
    const text = asText(key, name);
    return LJ.h("li", { class: state[key].length > 1 || (key === "engine" && !named) ? null : "only" }, text, state[key].length > 1 || (key === "engine" && !named)
      ? LJ.h("button", { type: "button", "aria-label": `remove ${text}`, onclick: () => { state[key].splice(i, 1); if (key === "opt" && !state.opt.length) state.opt.push([]); done(); input.focus(); } }, "×")
      : LJ.h("span", { class: "hidden" }, "the only one"));
  }));
  const done = () => { draw(); LJ.prune(); (changed || LJ.update)(); };
  const add = () => {
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    if (state[key].some((name) => asText(key, name) === text)) { LJ.say(`${text} is there already`); return; }
    if (state[key].length >= most) { LJ.say(`${most} are the most`); return; }
    state[key].push(asName(key, text));
    LJ.say(`${text} added`);
    done();
  };
  input.addEventListener("change", add);
  if (!named) input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); add(); } });
  draw();
  return LJ.h("fieldset", {}, LJ.h("legend", {}, KINDS[key]), chips,
    LJ.h("div", { class: "add" }, LJ.h("label", { class: "hidden", for: id }, `add ${ONE[key]}`), input));
};

// numbers of a device or model that is no longer there
LJ.prune = () => {
  const state = LJ.state;
  for (const word of Object.keys(state.numbers)) {
    const [section, label] = word.split(".");
    if ((section === "hw" || section === "model") && !state[section].some((name) => name === label)) delete state.numbers[word];
  }
  LJ.drawSliders?.();
};

// ---- numbers
const three = (x) => Number(x.toPrecision(3));
LJ.places = (d) => {
  if (d.places) return d.places;
  const low = d.low > 0 ? d.low : Math.max(1, d.high / 2 ** 17), count = d.whole ? 140 : 200, values = [];
  for (let i = 0; i < count; i++) {
    const x = low * (d.high / low) ** (i / (count - 1));
    values.push(d.whole ? Math.round(x) : three(x));
  }
  if (d.low <= 0) values.unshift(0);
  const own = d.value === undefined ? [] : [d.value];
  return [...new Set([...values, ...own])].sort((a, b) => a - b);
};
const nearest = (places, value) => {
  let best = 0;
  places.forEach((x, i) => { if (Math.abs(x - value) < Math.abs(places[best] - value)) best = i; });
  return best;
};

// d: {word, name, unit, low, high, whole, value, places, snap}; get, set: of the value
LJ.slider = (d, { get, set, remove, say } = {}) => {
  const id = LJ.id("number"), places = LJ.places(d), unit = LJ.unit(d.unit);
  const name = `${d.label || d.name}${unit ? ` [${unit}]` : ""}`;
  const range = LJ.h("input", { type: "range", id: `${id}-r`, min: 0, max: places.length - 1, step: 1, "aria-label": name });
  const typed = d.snap ? LJ.h("output", { for: `${id}-r`, id }) : LJ.h("input", { type: "number", id, step: "any", min: d.low > 0 ? null : 0 });
  const show = (from) => {
    const value = get();
    if (from !== range) range.value = nearest(places, value);
    if (from !== typed) typed.value = d.snap ? LJ.digits(value, 4) : value;
    range.setAttribute("aria-valuetext", (say || ((x) => `${LJ.digits(x, 4)} ${unit}`))(value));
  };
  let last = nearest(places, get());
  const view = () => LJ.VIEWS[LJ.state.view], own = (event) => { if (!LJ.snapshot && d.word in LJ.state.numbers) event(); };
  const prepare = () => own(() => view().prepare?.(d.word, places));
  for (const event of ["pointerenter", "pointerdown", "focus"]) range.addEventListener(event, prepare);
  range.addEventListener("input", () => {
    const started = performance.now(), index = Number(range.value);
    LJ.hand = { word: d.word, places, index, step: index - last };
    last = index;
    set(places[index]);
    show(range);
    prepare();
    if (!view().onRelease) LJ.update(started);
  });
  range.addEventListener("change", () => { if (view().onRelease) LJ.update(); });
  if (!d.snap) {
    typed.addEventListener("input", () => {
      const started = performance.now();
      if (typed.value.trim() === "" || !Number.isFinite(Number(typed.value))) return;
      set(Number(typed.value));
      show(typed);
      LJ.update(started);
    });
  }
  show();
  return LJ.h("div", { class: "slider", "data-word": d.word },
    LJ.h("div", { class: "row" },
      LJ.h("label", { for: id, title: d.name }, name),
      LJ.h("span", {}, typed, remove ? LJ.h("button", { type: "button", class: "remove", "aria-label": `remove ${d.name}`, onclick: remove }, "×") : null)),
    range);
};

const USUAL = [
  { word: "prompt", name: "Prompt", unit: "token", low: 1, high: 131072, whole: true },
  { word: "output", name: "Output", unit: "token", low: 1, high: 16384, whole: true },
  { word: "batch", name: "Batch", unit: "1", low: 1, high: 1024, whole: true },
  { word: "context", name: "Context before the prompt", unit: "token", low: 0, high: 131072, whole: true },
];
LJ.numberFacts = {}; // word -> facts of sliders that were added

const sectionOf = { hw: "Device", engine: "Engine", precision: "Precision", model: "Model", cost: "Price and energy", load: "Load", opt: "Options" };
LJ.sliders = (without = []) => {
  if (LJ.snapshot) { // numbers snap to the places that the page carries
    const axes = LJ.snapshot.axes.filter((a) => a.values.length > 1 && !without.includes(a.key));
    return LJ.h("fieldset", {}, axes.length ? LJ.h("legend", {}, "Numbers") : null, axes.map((a) =>
      LJ.slider({ word: a.key, name: a.name, unit: a.unit, places: a.values, snap: true }, { get: () => LJ.state.numbers[a.key] ?? a.values[0], set: (value) => { LJ.state.numbers[a.key] = value; } })));
  }
  const place = LJ.h("div", {}), state = LJ.state, id = LJ.id("more");
  const set = (word) => (value) => { state.numbers[word] = value; };
  LJ.drawSliders = () => {
    const own = Object.keys(state.numbers).filter((word) => !USUAL.some((d) => d.word === word));
    place.replaceChildren(
      ...USUAL.filter((d) => !without.includes(d.word)).map((d) => LJ.slider({ ...d, value: state.numbers[d.word] }, { get: () => state.numbers[d.word], set: set(d.word) })),
      ...own.map((word) => {
        const facts = LJ.numberFacts[word] || guessed(word, state.numbers[word]);
        return LJ.slider({ ...facts, label: labelOf(word, facts) }, {
          get: () => state.numbers[word], set: set(word),
          remove: () => { delete state.numbers[word]; LJ.drawSliders(); select.focus(); LJ.update(); },
        });
      }));
  };
  const labelOf = (word, facts) => {
    const parts = word.split(".");
    return parts[0] === "hw" || parts[0] === "model" ? `${parts[1]}: ${facts.name}` : parts[0] === "axes" ? `all devices: ${facts.name}` : facts.name;
  };
  const guessed = (word, value) => {
    const key = word.split(".").slice(/^(hw|model)\./.test(word) ? 2 : 1).join(".");
    const known = LJ.menus.numbers.find((n) => n.key === key) || { name: word, unit: "1" };
    return { ...known, word, low: value > 0 ? value / 8 : 0, high: value > 0 ? value * 8 : 1, value };
  };
  const groups = {};
  for (const n of LJ.menus.numbers) if (sectionOf[n.section]) (groups[n.section] ||= []).push(n);
  const select = LJ.h("select", { id },
    LJ.h("option", { value: "" }, "choose a number"),
    Object.entries(sectionOf).filter(([key]) => groups[key]).map(([key, name]) =>
      LJ.h("optgroup", { label: name }, groups[key].map((n) => LJ.h("option", { value: n.key }, `${n.name} (${n.key})`)))));
  select.addEventListener("change", async () => {
    const key = select.value;
    select.value = "";
    if (!key) return;
    try {
      const facts = await LJ.ask("number", LJ.question(), { key });
      LJ.numberFacts[facts.word] = facts;
      state.numbers[facts.word] ??= facts.value;
      LJ.drawSliders();
      LJ.say(`${facts.name} added`);
      LJ.update();
    } catch (error) { LJ.fault(error); }
  });
  LJ.drawSliders();
  return LJ.h("fieldset", {}, LJ.h("legend", {}, "Numbers"), place,
    LJ.h("label", { class: "label", for: id }, "Add a slider of any number"), LJ.h("div", { class: "add" }, select));
};

LJ.select = (label, options, value, changed) => {
  const id = LJ.id("choice");
  const select = LJ.h("select", { id }, options.map(([key, name]) => LJ.h("option", { value: key, selected: key === value }, name)));
  select.addEventListener("change", () => changed(select.value));
  const whole = LJ.h("label", { for: id }, label, select);
  whole.offer = (pairs, chosen) => { // other options, where they have changed
    const now = JSON.stringify(pairs);
    if (whole.offered !== now) select.replaceChildren(...pairs.map(([key, name]) => LJ.h("option", { value: key }, name)));
    whole.offered = now;
    select.value = chosen;
  };
  return whole;
};
