"use strict";
// The views: what each asks, and how it shows the answer.
LJ.VIEWS = {};

// ---- labels of combinations: what differs among them
LJ.caseName = (row, rows) => {
  const parts = [];
  for (const key of ["model", "hw", "opt", "engine"]) {
    if (row[key] === undefined) continue;
    if (key === "hw" || rows.some((other) => other[key] !== row[key])) parts.push(row[key] === "auto" ? `auto (${row.runs})` : row[key]);
  }
  return parts.join(" · ");
};
const isWide = () => !window.matchMedia || !window.matchMedia("(max-width: 52rem)").matches;
// names are folded away where the window is narrow, so that sliders and the answer are seen together
const everyControl = (without = []) => {
  const summary = LJ.h("summary", {});
  const tell = () => {
    const { hw, model, opt } = LJ.state, few = (names) => (names.length > 2 ? `${names[0]} and ${names.length - 1} more` : names.join(", "));
    summary.textContent = `${few(model)} on ${few(hw)}, ${few(opt.map(LJ.stackText))}`;
  };
  tell();
  const changed = () => { tell(); LJ.update(); };
  return [LJ.h("details", { class: "names", open: isWide() }, summary, LJ.NAMES.filter((key) => !LJ.snapshot || LJ.menus[key].length).map((key) => LJ.picker(key, { changed }))), LJ.sliders(without)];
};
const gigabytes = (x) => LJ.text(x, "byte");

// ================================================================ 1 what runs on this machine
const cap = (text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
const mapped = { key: null, cells: [], done: false, warnings: [], commands: [] };
const CONTEXTS = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072], BATCHES = [1, 2, 4, 8, 16];
const AT_ONCE = 5; // models in one question, so that the first rows come soon

const speedClass = (tps) => (tps >= 60 ? 4 : tps >= 25 ? 3 : tps >= 10 ? 2 : tps >= 3 ? 1 : 0);
const SPEEDS = ["under 3 tok/s", "3 to 10", "10 to 25", "25 to 60", "60 and more"];
const namesOf = (text, usual) => { const names = (text || "").split(",").map((x) => x.trim()).filter(Boolean); return names.length ? names : usual; };
const globbed = (names) => [...new Set(names.flatMap((name) => { // all and globs name by name, so that they come in parts
  if (name !== "all" && !/[*?]/.test(name)) return [name];
  const pattern = new RegExp(`^${name === "all" ? ".*" : name.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`, "i");
  const known = LJ.menus.model.filter((model) => pattern.test(model));
  return known.length ? known : [name];
}))];

LJ.VIEWS.fits = {
  name: "What runs?",
  title: "What runs on my machine?",
  lead: "Tokens per second of each model in each quantization, once the context is read, and the memory that it takes. Choose a cell to see where its time goes.",
  controls() {
    const state = LJ.state, id = LJ.id("device");
    const at = (key, places) => ({ get: () => places[LJ.fitsAt(state, key, places)], set: (value) => { state.settings[key] = String(value); } });
    const sliders = [
      LJ.slider({ word: "context", name: "Context that is read", unit: "token", places: CONTEXTS, snap: true }, at("context", CONTEXTS)),
      LJ.slider({ word: "batch", name: "Sequences at once", unit: "1", places: BATCHES, snap: true }, at("batch", BATCHES)),
    ];
    if (LJ.snapshot) {
      if (!LJ.menus.hw.includes(state.settings.device)) state.settings.device = LJ.menus.hw[0];
      const pick = LJ.select("Device", LJ.menus.hw.map((name) => [name, name]), state.settings.device, (name) => { state.settings.device = name; LJ.update(); });
      pick.className = "label";
      return [LJ.h("fieldset", {}, pick), LJ.h("fieldset", {}, LJ.h("div", {}, sliders))];
    }
    const input = LJ.h("input", { type: "text", id, list: LJ.datalist("hw"), maxlength: 200, spellcheck: "false", value: state.settings.device || "" });
    const said = LJ.h("p", { class: "quiet" });
    const choose = (name) => { state.settings.device = name; input.value = name; LJ.update(); };
    input.addEventListener("change", () => { if (input.value.trim()) choose(input.value.trim()); });
    const detect = async () => {
      said.textContent = "asking the system…";
      try {
        const machine = await LJ.fetch("machine");
        if (machine.label) { said.textContent = `this machine is ${machine.reason || machine.label}`; choose(machine.label); } else said.textContent = machine.reason;
      } catch (error) { said.textContent = error.message; }
    };
    state.settings.device ||= state.hw[0];
    input.value = state.settings.device;
    if (!LJ.detected && !location.hash.includes("s.device")) { LJ.detected = true; detect(); }
    const list = (key, label, usual, note) => {
      const field = LJ.id(key);
      const box = LJ.h("input", { type: "text", id: field, maxlength: 2000, spellcheck: "false", value: state.settings[key] || "", placeholder: usual });
      box.addEventListener("change", () => { state.settings[key] = box.value.trim(); LJ.update(); });
      return LJ.h("fieldset", {}, LJ.h("label", { class: "label", for: field }, label), LJ.h("div", { class: "add" }, box), LJ.h("p", { class: "quiet" }, note));
    };
    return [
      LJ.h("fieldset", {}, LJ.h("label", { class: "label", for: id }, "Device"), LJ.h("div", { class: "add" }, input,
        LJ.h("button", { type: "button", onclick: detect }, "This machine")), said),
      LJ.h("fieldset", {}, LJ.h("div", {}, sliders)),
      LJ.h("details", { class: "names", open: isWide() }, LJ.h("summary", {}, "Models, quantizations, engine"),
        list("models", "Models", "a usual choice", "names separated by commas, globs (qwen3*) or all"),
        list("stacks", "Quantizations", "a usual choice", "stacks separated by commas: none, q4_k_m, int4+kv8"),
        LJ.picker("engine")),
    ];
  },
  build() {
    const legend = LJ.h("ul", { class: "legend" }, SPEEDS.map((name, i) => LJ.h("li", {}, LJ.s("svg", { width: 14, height: 12, "aria-hidden": "true" }, LJ.s("rect", { class: `speed-${i}`, width: 14, height: 12 })), name)),
      LJ.h("li", {}, "bar: memory that is needed, of what there is; grey: does not fit"));
    this.table = LJ.h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "models by quantization" });
    this.note = LJ.h("figcaption", {});
    this.heading = LJ.h("h3", {});
    const csv = () => LJ.saveCsv("what_runs", this.rows());
    const png = () => LJ.savePng("what_runs", this.picture());
    return [LJ.h("figure", {}, LJ.h("div", { class: "head" }, this.heading,
      LJ.h("button", { type: "button", class: "small", "aria-label": "CSV of the map", onclick: csv }, "CSV"),
      LJ.h("button", { type: "button", class: "small", "aria-label": "PNG of the map", onclick: png }, "PNG")), legend, this.table, this.note)];
  },
  async ask(state) {
    const device = state.settings.device || state.hw[0];
    if (LJ.snapshot) {
      const answer = await LJ.ask("fits", { hw: [device] }, {});
      return Object.assign(mapped, answer, { key: device, device, done: true });
    }
    const models = globbed(namesOf(state.settings.models, LJ.menus.models));
    const stacks = namesOf(state.settings.stacks, LJ.menus.quantizations.map(LJ.stackText)).map(LJ.stackOf);
    const engine = state.engine.length ? state.engine : ["auto"];
    const numbers = { output: state.numbers.output ?? 128 };
    const key = JSON.stringify([device, models, stacks, engine, numbers]);
    if (mapped.key === key) return mapped;
    Object.assign(mapped, { key, cells: [], warnings: [], commands: [], done: false, device });
    const parts = [];
    for (let i = 0; i < models.length; i += AT_ONCE) parts.push(models.slice(i, i + AT_ONCE));
    const part = async (names) => {
      const answer = await LJ.ask("fits", { hw: [device], model: names, opt: stacks, engine: engine.slice(0, 1), numbers }, { contexts: CONTEXTS, batches: BATCHES });
      if (mapped.key !== key) return;
      mapped.cells.push(...answer.cells);
      mapped.warnings = LJ.joinedWarnings([...mapped.warnings, ...answer.warnings]);
      mapped.commands = [LJ.joinedCommand(mapped.commands[0], answer.commands[0])];
    };
    const fail = (error) => { if (mapped.key === key) mapped.key = null; throw error; };
    await part(parts.shift()).catch(fail);
    LJ.follow(async () => { // the rest comes row by row, and holds nothing up
      for (const names of parts) {
        if (mapped.key !== key) return;
        await part(names).catch((error) => { LJ.fault(error); });
        if (LJ.state.view === "fits" && mapped.key === key) { this.show(mapped, LJ.state); LJ.same(mapped, LJ.state); }
      }
      if (mapped.key === key) { mapped.done = true; if (LJ.state.view === "fits") this.show(mapped, LJ.state); }
    });
    return mapped;
  },
  at(state) { return [LJ.fitsAt(state, "context", CONTEXTS), LJ.fitsAt(state, "batch", BATCHES)]; },
  cell(cell, c, b) {
    if (cell.reason) return { cannot: true, short: "not possible", why: cell.reason };
    const memory = cell.memory[c][b], tps = cell.tps[c][b], context = CONTEXTS[c];
    const of = `${gigabytes(memory)} of ${gigabytes(cell.available)}`, share = memory / cell.available;
    if (!cell.fits[c][b]) return { cannot: true, share, short: gigabytes(memory), why: `does not fit: needs ${of}`, memory };
    if (cell.positions && context > cell.positions) return { cannot: true, share, short: "too long", why: `the model has ${LJ.digits(cell.positions, 6)} positions`, memory };
    return { share, tps, short: LJ.digits(tps, 2), why: `${LJ.text(tps, "token s-1")}, first token after ${LJ.text(cell.ttft[c][b], "s")}, ${of}, by ${cell.runs}`, memory };
  },
  grid() {
    const models = [...new Map(mapped.cells.map((cell) => [cell.model, cell.parameters])).keys()];
    const size = (name) => mapped.cells.find((cell) => cell.model === name && cell.parameters)?.parameters ?? Infinity;
    models.sort((a, b) => size(a) - size(b));
    const stacks = [...new Set(mapped.cells.map((cell) => cell.opt))];
    const of = new Map(mapped.cells.map((cell) => [`${cell.model} ${cell.opt}`, cell]));
    return { models, stacks, of, size };
  },
  show(answer, state) {
    const [c, b] = this.at(state), { models, stacks, of, size } = this.grid();
    this.heading.textContent = `${mapped.device}: tokens per second at ${CONTEXTS[c]} tokens of context, ${BATCHES[b]} at once`;
    const layout = JSON.stringify([mapped.device, models, stacks, mapped.done, mapped.cells.length]);
    if (this.layout !== layout || !this.table.firstChild) this.lay(models, stacks, of, size);
    this.layout = layout;
    for (const { cell, box, button, text, filled } of this.places) {
      const at = this.cell(cell, c, b), speed = at.cannot ? "cannot" : `speed-${speedClass(at.tps)}`;
      filled.style.width = `${Math.min(100, Math.round(100 * (at.share || 0)))}%`;
      if (box.className !== speed) box.className = speed;
      text.className = at.cannot ? "" : "value";
      text.textContent = at.short;
      button.title = at.why;
      button.setAttribute("aria-label", `${cell.model}, ${cell.opt}: ${at.why}`);
    }
    const good = mapped.cells.filter((cell) => !this.cell(cell, c, b).cannot).length;
    this.note.textContent = `${good} of ${mapped.cells.length} combinations fit. ${BATCHES[b] > 1 ? `Speeds are those of each of ${BATCHES[b]} sequences.` : "Speeds are those of one sequence."}`;
  },
  // the table, whose places are filled anew at each move
  lay(models, stacks, of, size) {
    this.places = [];
    const place = (model, stack) => {
      const cell = of.get(`${model} ${stack}`);
      if (!cell) return LJ.h("td", {});
      const go = () => {
        const [c, b] = this.at(LJ.state);
        LJ.go("where", { hw: [mapped.device], model: [model], opt: [LJ.stackOf(stack)], numbers: { ...LJ.state.numbers, prompt: CONTEXTS[c], batch: BATCHES[b] } });
      };
      const filled = LJ.h("span", {}), text = LJ.h("span", {});
      const button = LJ.h("button", { type: "button", "data-key": `${model} ${stack}`, onclick: go, disabled: Boolean(cell.reason) }, text, LJ.h("span", { class: "bar" }, filled));
      const box = LJ.h("td", {}, button);
      this.places.push({ cell, box, button, text, filled });
      return box;
    };
    const many = (model) => (Number.isFinite(size(model)) ? LJ.text(size(model), "FLOP").replace("FLOP", "").replace("G", "B") : "");
    const focus = this.table.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.table.replaceChildren(LJ.h("table", { class: "map" },
      LJ.h("caption", {}, mapped.done ? "" : `${models.length} models so far…`),
      LJ.h("thead", {}, LJ.h("tr", {}, LJ.h("th", { scope: "col" }, "model"), stacks.map((name) => LJ.h("th", { scope: "col" }, name)))),
      LJ.h("tbody", {}, models.map((model) => LJ.h("tr", {}, LJ.h("th", { scope: "row" }, LJ.breakable(model), " ", LJ.h("span", { class: "quiet" }, many(model))), stacks.map((stack) => place(model, stack)))))));
    if (focus) [...this.table.querySelectorAll("[data-key]")].find((x) => x.dataset.key === focus)?.focus();
  },
  rows() {
    const [c, b] = this.at(LJ.state);
    return { head: ["model", "opt", "engine", "context", "batch", "tokens_per_second", "ttft_s", "memory_bytes", "available_bytes", "reason"],
      rows: mapped.cells.map((cell) => {
        const at = this.cell(cell, c, b);
        return [cell.model, cell.opt, cell.runs, CONTEXTS[c], BATCHES[b], at.cannot ? null : at.tps, cell.ttft ? cell.ttft[c][b] : null, at.memory ?? null, cell.available ?? null, at.cannot ? at.why : ""];
      }) };
  },
  picture() {
    const [c, b] = this.at(LJ.state), { models, stacks, of } = this.grid(), w = 78, h = 26, left = 190;
    const parts = [LJ.s("text", { x: 6, y: 16 }, this.heading.textContent)];
    stacks.forEach((name, j) => parts.push(LJ.s("text", { x: left + j * w + w / 2, y: 40, "text-anchor": "middle" }, LJ.shorten(name, w))));
    models.forEach((model, i) => {
      parts.push(LJ.s("text", { x: 6, y: 65 + i * h }, LJ.shorten(model, left)));
      stacks.forEach((stack, j) => {
        const cell = of.get(`${model} ${stack}`);
        if (!cell) return;
        const at = this.cell(cell, c, b);
        parts.push(LJ.s("rect", { class: at.cannot ? "cannot" : `speed-${speedClass(at.tps)}`, x: left + j * w + 1, y: 48 + i * h, width: w - 2, height: h - 2 }));
        parts.push(LJ.s("text", { class: at.cannot ? "quiet small cell" : "cell", x: left + j * w + w / 2, y: 65 + i * h, "text-anchor": "middle" }, LJ.shorten(at.short, w)));
      });
    });
    const picture = LJ.picture(left + stacks.length * w + 6, 56 + models.length * h, this.heading.textContent, parts);
    const holder = LJ.h("div", { class: "hidden" }, picture);
    document.body.append(holder);
    setTimeout(() => holder.remove(), 3000);
    return picture;
  },
};
LJ.fitsAt = (state, key, places) => Math.max(0, places.indexOf(Number(state.settings[key] ?? (key === "context" ? 4096 : 1))));
// the warnings of several parts: what was not measured in one line
LJ.joinedWarnings = (lines) => {
  const start = "not measured: ", end = "; extrapolated, with wider intervals", more = / and (\d+ )?more$/;
  const isSuch = (line) => line.startsWith(start) && line.endsWith(end), others = new Set(lines.filter((line) => !isSuch(line)));
  const such = lines.filter(isSuch).map((line) => line.slice(start.length, -end.length));
  const names = new Set(such.flatMap((text) => text.replace(more, "").split(", ")));
  return [...others, ...(such.length ? [`${start}${[...names].join(", ")}${such.some((text) => more.test(text)) ? " and more" : ""}${end}`] : [])];
};
// one command for several parts: their models in one list
LJ.joinedCommand = (before, next) => {
  const of = (line) => /model=(?:\[([^\]]*)\]|([^\s'\]]+))/.exec(line);
  const [a, b] = [before && of(before), of(next)];
  if (!a || !b) return before || next;
  const all = [...new Set([...(a[1] ?? a[2]).split(","), ...(b[1] ?? b[2]).split(",")])].join(",");
  return before.replace(/'model=\[[^\]]*\]'|model=[^\s']+/, `'model=[${all}]'`);
};

// ================================================================ 2 compare
const CURVED = [["tpot", "TPOT"], ["ttft", "TTFT"], ["tps", "tokens/s of one sequence"], ["throughput", "tokens/s of the batch"], ["e2e", "whole request"], ["memory", "memory"]];
const barsOf = (rows, metric, width) => {
  const unit = LJ.metric(metric).unit;
  return LJ.bars({
    width, unit, label: `${LJ.short(metric)}: ${rows.map((r) => `${LJ.caseName(r, rows)} ${r.values ? LJ.text(r.values[metric], unit) : r.reason}`).join("; ")}`,
    rows: rows.map((r, i) => ({
      label: LJ.caseName(r, rows), fill: LJ.colour(i), note: r.reason || "no forecast",
      value: r.values?.[metric], low: r.values?.[`${metric}_low`], high: r.values?.[`${metric}_high`], ghost: r.values && r.values.fits_memory === false,
    })),
  });
};
const memoryBars = (rows, width) => LJ.bars({
  width, unit: "byte", label: `memory: ${rows.map((r) => `${LJ.caseName(r, rows)} ${r.values ? `${gigabytes(r.values.memory)} of ${gigabytes(r.available)}` : r.reason}`).join("; ")}`,
  rows: rows.map((r, i) => ({
    label: LJ.caseName(r, rows), fill: r.values?.fits_memory === false ? "fill-grey" : LJ.colour(i), note: r.reason || "no forecast", value: r.values?.memory,
    text: r.values ? `${gigabytes(r.values.memory)} of ${gigabytes(r.available)}${r.values.fits_memory ? "" : ": too much"}` : "",
  })),
});
LJ.compareTable = (rows) => {
  const metrics = ["ttft", "ttft_low", "ttft_high", "tpot", "tpot_low", "tpot_high", "tps", "e2e", "throughput", "memory", "fits_memory", "prefill_bound", "decode_bound", "energy_per_token", "cost_per_mtoken"];
  const said = (m) => { const unit = LJ.metric(m).unit; return unit === "1" ? m : `${m} [${unit}]`; };
  return {
    head: ["model", "hw", "opt", "engine", ...metrics.map(said), "note"],
    rows: rows.map((r) => [r.model, r.hw, r.opt, r.runs, ...metrics.map((m) => { const v = r.values?.[m] ?? null; return typeof v === "boolean" ? (v ? "yes" : "no") : v; }), r.reason || ""]),
  };
};
LJ.followed = (answer, more) => LJ.same({ warnings: answer.warnings, commands: [...(answer.commands || []), ...(more || [])] }, LJ.state);

LJ.VIEWS.compare = {
  name: "Compare",
  title: "Compare",
  lead: "Devices, engines and stacks side by side. Whiskers hold 80 % of what was measured on devices that the fit had not seen; a pale bar does not fit into memory.",
  controls: () => everyControl(),
  build() {
    this.ttft = LJ.figure({ title: "Time to first token (TTFT)", name: "ttft" });
    this.tpot = LJ.figure({ title: "Time per output token (TPOT)", name: "tpot" });
    this.speed = LJ.figure({ title: "Tokens per second of the whole batch", name: "throughput" });
    this.memory = LJ.figure({ title: "Memory of each device", name: "memory" });
    this.curve = LJ.figure({ title: "Along one number", name: "curve" });
    this.legend = LJ.h("div", {});
    const settings = LJ.state.settings;
    const change = (key) => (value) => { settings[key] = value; this.along = null; LJ.update(); };
    this.keys = LJ.select("along", this.axes(), this.key(LJ.state), change("key"));
    const tools = LJ.h("div", { class: "bar-of-tools" },
      LJ.select("Metric", CURVED, settings.metric || "tpot", change("metric")), this.keys);
    this.along = null;
    return [LJ.h("div", { class: "pair" }, this.ttft, this.tpot, this.speed, this.memory), tools, this.legend, this.curve];
  },
  // the number that the curve is along: the chosen one, if it is still there
  key(state) {
    const keys = this.axes().map(([key]) => key);
    return keys.includes(state.settings.key) ? state.settings.key : keys.includes("batch") ? "batch" : keys[0];
  },
  axes() {
    if (LJ.snapshot) return LJ.snapshot.axes.filter((a) => a.values.length > 1).map((a) => [a.key, a.name]);
    const own = Object.keys(LJ.state.numbers).filter((w) => !["batch", "prompt", "output", "context"].includes(w));
    return [["batch", "batch"], ["prompt", "prompt"], ["output", "output"], ["context", "context"], ...own.map((w) => [w, w])];
  },
  looksAhead: true,
  // the answers at every place of a slider that a hand is about to move
  track: {},
  others: (state, word) => JSON.stringify([{ ...LJ.question(state), numbers: { ...state.numbers, [word]: 0 } }, word]),
  prepare(word, places) {
    const others = this.others(LJ.state, word);
    if (this.track.others === others) return;
    const track = (this.track = { others, word });
    LJ.ask("along", LJ.question(), { word, values: places }).then((answer) => { Object.assign(track, answer); }).catch(() => {});
  },
  onTrack(state) {
    const { word, places, rows, others } = this.track, at = rows ? places.indexOf(state.numbers[word]) : -1;
    if (at < 0 || others !== this.others(state, word)) return null;
    const here = (values) => Object.fromEntries(Object.entries(values).map(([name, column]) => [name, column[at]]));
    return { preview: true, rows: rows.map((r) => (r.values ? { ...r, available: r.available[at], values: here(r.values) } : r)) };
  },
  ask(state) {
    const known = LJ.snapshot ? null : this.onTrack(state);
    return known ? Promise.resolve(known) : LJ.ask("compare", LJ.question(state), {});
  },
  show(answer, state) {
    const rows = answer.rows, table = LJ.compareTable(rows);
    this.keys.offer(this.axes(), this.key(state));
    this.ttft.show({ draw: (w) => barsOf(rows, "ttft", w), table });
    this.tpot.show({ draw: (w) => barsOf(rows, "tpot", w), table, note: "one sequence: 1 / TPOT tokens per second" });
    this.speed.show({ draw: (w) => barsOf(rows, "throughput", w), table });
    this.memory.show({ draw: (w) => memoryBars(rows, w), table });
    LJ.follow(() => this.follow(answer, state));
  },
  // the curve comes after the bars, and only where something but the number along it has changed
  async follow(answer, state) {
    const key = this.key(state), question = LJ.question(state);
    if (!key) return;
    const others = this.others(state, key), isDrawn = this.along && this.along.others === others;
    if (isDrawn) this.drawCurve(state);
    if (isDrawn && !answer.preview) return;
    const turn = (this.turn = (this.turn || 0) + 1);
    await new Promise((go) => setTimeout(go, 120)); // until the hand rests
    if (turn !== this.turn || LJ.state.view !== "compare") return;
    if (answer.preview) { // the line and the warnings of the place where it rests
      answer = await LJ.ask("compare", question, {});
      if (turn !== this.turn || LJ.state.view !== "compare") return;
      LJ.followed(answer, isDrawn ? this.along.curve.commands : []);
      if (isDrawn) return;
    }
    const curve = await LJ.ask("curve", question, { key });
    if (turn !== this.turn || LJ.state.view !== "compare") return;
    this.along = { others, curve };
    this.drawCurve(LJ.state);
    LJ.followed(answer, curve.commands);
  },
  drawCurve(state) {
    const { curve } = this.along, metric = state.settings.metric || "tpot", key = this.key(state), unit = LJ.metric(metric).unit;
    const facts = (LJ.snapshot?.axes || LJ.menus.numbers).find((n) => n.key === curve.key.replace(/^(axes|(hw|model)\.[^.]*|engine|precision|load|cost)\./, "")) || { name: curve.key, unit: { batch: "1" }[curve.key] ?? "token" };
    const series = curve.rows.map((r) => ({ name: LJ.caseName(r, curve.rows), x: curve.x, y: r[metric] }));
    const isLog = curve.x[0] > 0;
    this.legend.replaceChildren(LJ.legend(series.map((one, i) => [one.name, LJ.colour(i), 1])));
    this.curve.show({
      title: LJ.sentence(`${LJ.short(metric)} along ${curve.key}`),
      draw: (width) => LJ.lines({ series, width, now: state.numbers[key], label: `${LJ.short(metric)} of ${series.length} combinations along ${curve.key}; the table has the numbers`,
        x: { log: isLog, unit: "1", title: `${facts.name}${LJ.unit(facts.unit) ? ` [${LJ.unit(facts.unit)}]` : ""}` }, y: { log: true, unit, title: LJ.metric(metric).name, brief: LJ.short(metric) } }),
      table: { head: [curve.key, ...series.map((one) => `${one.name} [${unit}]`)], rows: curve.x.map((x, k) => [x, ...series.map((one) => one.y[k])]) },
    });
  },
};

// ================================================================ 3 where the time goes
const SHOWN = 12;
LJ.operatorBars = (step, width) => {
  const most = step.operators.length > SHOWN + 1 ? SHOWN : SHOWN + 1; // a single one is named
  const shown = step.operators.slice(0, most), rest = step.operators.slice(most);
  const rows = shown.map((o) => ({ label: o.name, value: o.seconds, fill: `fill-${o.bound}`, text: `${LJ.percent(o.share)}, ${LJ.text(o.seconds, "s")}` }));
  if (rest.length) {
    const seconds = rest.reduce((sum, o) => sum + (o.seconds || 0), 0);
    rows.push({ label: `${rest.length} others`, value: seconds, fill: "fill-grey", text: `${LJ.percent(seconds / step.seconds)}, ${LJ.text(seconds, "s")}` });
  }
  return LJ.bars({ rows, unit: "s", width, label: `time by operator: ${rows.map((r) => `${r.label} ${r.text}`).join("; ")}` });
};
const operatorTable = (step) => ({
  head: ["operator", "executions", "seconds", "share", "FLOP", "bytes", "FLOP/byte", "FLOP/s", "bound"],
  rows: step.operators.map((o) => [o.name, o.repeats, o.seconds, o.share, o.flops, o.bytes, o.intensity, o.rate, o.bound]),
});
const BOUND_LEGEND = [["compute", "fill-compute", 0], ["memory", "fill-memory", 0], ["dispatch", "fill-dispatch", 0], ["host", "fill-host", 0], ["link", "fill-link", 0]];

LJ.VIEWS.where = {
  name: "Time",
  title: "Where does the time go?",
  lead: "Operators by their share of a step, each under its roof, and what a percent more of each number would change.",
  controls: () => everyControl(),
  looksAhead: true,
  build() {
    this.tiles = LJ.h("ul", { class: "tiles" });
    this.choice = LJ.h("div", { class: "bar-of-tools whole" }, LJ.select("Combination", [], "", (value) => { LJ.state.settings.case = value; LJ.update(); }));
    this.figures = {};
    const pair = [];
    for (const [step, name] of [["decode", "Decode step"], ["prefill", "Prefill"]]) {
      this.figures[step] = LJ.figure({ title: `${name}: time by operator`, name: `${step}_operators` });
      this.figures[`${step}_roof`] = LJ.figure({ title: `${name}: roofline`, name: `${step}_roofline` });
      pair.push(this.figures[step], this.figures[`${step}_roof`]);
    }
    this.tornado = LJ.figure({ title: "What a percent more changes", name: "elasticities" });
    return [this.choice, this.tiles, LJ.legend(BOUND_LEGEND), LJ.h("div", { class: "pair" }, pair),
      LJ.legend([["TTFT", LJ.colour(0), 1], ["TPOT", LJ.colour(1), 1]]), this.tornado];
  },
  combinations(state) {
    const all = [];
    for (const model of state.model) for (const hw of state.hw) for (const opt of state.opt) for (const engine of state.engine.length ? state.engine : [null]) all.push({ model, hw, opt, engine });
    return all;
  },
  single(state) {
    const all = this.combinations(state), one = all[Math.min(all.length - 1, Number(state.settings.case) || 0)];
    const numbers = { ...state.numbers };
    for (const word of Object.keys(numbers)) { // numbers of what is not shown
      const [section, label] = word.split(".");
      if ((section === "hw" && label !== one.hw) || (section === "model" && label !== one.model)) delete numbers[word];
    }
    return { hw: [one.hw], model: [one.model], opt: [one.opt], engine: one.engine ? [one.engine] : [], numbers };
  },
  ask(state) { return LJ.ask("where", this.single(state), {}); },
  show(answer, state) {
    const all = this.combinations(state), at = Math.min(all.length - 1, Number(state.settings.case) || 0);
    const name = (c) => [c.model, c.hw, LJ.stackText(c.opt), c.engine].filter(Boolean).join(" · ");
    this.choice.firstChild.offer(all.map((c, i) => [String(i), name(c)]), String(at));
    const v = answer.values, tile = (value, text) => LJ.h("li", {}, LJ.h("b", {}, value), LJ.h("span", {}, text));
    const band = (m) => (LJ.isNumber(v[`${m}_low`]) ? `${LJ.ofMetric(m, v[`${m}_low`])} to ${LJ.ofMetric(m, v[`${m}_high`])}` : "");
    this.tiles.replaceChildren(
      tile(LJ.ofMetric("ttft", v.ttft), `time to first token ${band("ttft")}; bound by ${v.prefill_bound}`),
      tile(LJ.ofMetric("tpot", v.tpot), `per token after it ${band("tpot")}; bound by ${v.decode_bound}`),
      tile(LJ.ofMetric("tps", v.tps), "of one sequence"),
      tile(gigabytes(v.memory), v.fits_memory ? `of ${gigabytes(answer.available)} of memory` : `does not fit in ${gigabytes(answer.available)}`),
      tile(answer.runs, "engine"));
    for (const step of ["decode", "prefill"]) {
      const of = answer.steps[step], table = operatorTable(of);
      this.figures[step].show({ draw: (w) => LJ.operatorBars(of, w), table, note: `whole step ${LJ.text(of.seconds, "s")}` });
      const dots = of.operators.map((o) => ({ name: o.name, x: o.intensity, y: o.rate, share: o.share, bound: o.bound }));
      this.figures[`${step}_roof`].show({
        draw: (w) => (answer.roofs.length && dots.some((d) => d.x > 0 && d.y > 0)
          ? LJ.roofline({ roofs: answer.roofs, dots, width: w, label: `roofline of ${step}: ${dots.slice(0, 8).map((d) => `${d.name} ${LJ.digits(d.x)} FLOP per byte, ${LJ.text(d.y, "FLOP s-1")}`).join("; ")}` })
          : LJ.picture(w, 40, "no roof", LJ.s("text", { x: 4, y: 20 }, "this device publishes no compute rate"))),
        table, note: "line: datasheet; dashed: what the engine reaches; area of a dot: share of the time",
      });
    }
    LJ.follow(() => this.follow(answer, state));
  },
  async follow(answer, state) {
    const question = this.single(state), turn = (this.turn = (this.turn || 0) + 1);
    await new Promise((go) => setTimeout(go, 120));
    if (turn !== this.turn || LJ.state.view !== "where") return;
    const e = await LJ.ask("elasticity", question, {});
    if (turn !== this.turn || LJ.state.view !== "where") return;
    const rows = e.rows.filter((r) => Math.abs(r.ttft) >= 5e-4 || Math.abs(r.tpot) >= 5e-4).sort((a, b) => Math.max(Math.abs(b.ttft), Math.abs(b.tpot)) - Math.max(Math.abs(a.ttft), Math.abs(a.tpot)));
    const share = (m) => Object.entries(e.bound_share[m]).filter(([, x]) => x > 5e-4).sort((a, b) => b[1] - a[1]).map(([k, x]) => `${k} ${LJ.percent(x, 2)}`).join(", ");
    this.tornado.show({
      draw: (w) => LJ.tornado({ width: w, names: ["TTFT", "TPOT"], rows: rows.map((r) => ({ label: r.name, values: [r.ttft, r.tpot] })), label: `elasticities: ${rows.map((r) => `${r.name}: TTFT ${LJ.digits(r.ttft, 2)}, TPOT ${LJ.digits(r.tpot, 2)}`).join("; ")}` }),
      table: { head: ["number", "key", "ttft", "tpot"], rows: rows.map((r) => [r.name, r.key, r.ttft, r.tpot]) },
      note: `Percent of change for 1 % more; what changes less than 0.0005 % is left out. ${share("ttft") ? `What holds TTFT: ${share("ttft")}; TPOT: ${share("tpot")}.` : ""}`,
    });
    LJ.followed(answer, e.commands);
  },
};
