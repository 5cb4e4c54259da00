"use strict";
// View 5: what requests see as more of them arrive.
const LOADED = [["ttft", "TTFT"], ["tpot", "TPOT"]];
// from one number to another, along the logarithm where both are above 0; the nearer one where one of them is none
const between = (a, b, share) => (a > 0 && b > 0 ? a * (b / a) ** share : share < 0.5 ? a : b);
LJ.heat = ({ xs, ys, values, xTitle, yTitle, text, label, width }) => {
  const left = 74, top = 26, h = 26, w = Math.max(16, (width - left - 6) / xs.length), s = LJ.s, parts = [s("text", { class: "quiet", x: left, y: 12 }, yTitle)];
  ys.forEach((y, j) => parts.push(s("text", { class: "quiet small", x: left - 6, y: top + j * h + 17, "text-anchor": "end" }, LJ.digits(y, 3))));
  xs.forEach((x, i) => {
    if (w > 34 || i % 2 === 0) parts.push(s("text", { class: "quiet small", x: left + (i + 0.5) * w, y: top + ys.length * h + 14, "text-anchor": "middle" }, LJ.digits(x, 3)));
    ys.forEach((y, j) => {
      const v = values(i, j), level = !LJ.isNumber(v) ? 0 : v >= 0.9 ? 4 : v >= 0.5 ? 3 : v >= 0.1 ? 2 : v > 0 ? 1 : 0;
      parts.push(s("rect", { class: `speed-${level}`, x: left + i * w, y: top + j * h, width: w - 1, height: h - 1 }, s("title", {}, text(x, y, v))));
      if (w > 22) parts.push(s("text", { class: "small cell", x: left + (i + 0.5) * w, y: top + j * h + 17, "text-anchor": "middle" }, LJ.isNumber(v) ? `${Math.round(100 * v)}` : "–"));
    });
  });
  parts.push(s("text", { class: "quiet", x: left + (width - left) / 2, y: top + ys.length * h + 32, "text-anchor": "middle" }, xTitle));
  return LJ.picture(width, top + ys.length * h + 38, label, parts);
};

LJ.VIEWS.load = {
  name: "Load",
  title: "Under load",
  lead: "Requests arrive at random at a rate and share the engine's steps. Times by percentile up to the largest rate that is served, and the part of requests that meet the targets.",
  controls: () => everyControl(["batch"]),
  build() {
    const settings = LJ.state.settings;
    settings["load.ttft"] ||= "1";
    settings["load.tpot"] ||= "0.05";
    const number = (key, label, factor, usual) => {
      const id = LJ.id("limit");
      const input = LJ.h("input", { type: "number", id, min: 0, step: "any", value: Number(((settings[key] ?? usual) / factor).toPrecision(4)) });
      input.addEventListener("change", () => { if (Number(input.value) > 0) { settings[key] = String(Number(input.value) * factor); LJ.update(); } });
      return LJ.h("label", { for: id }, label, input);
    };
    this.choice = LJ.select("combination of the map", [], "", (value) => { settings.loadcase = value; LJ.update(); });
    this.percentile = LJ.select("percentile", [["50", "50"], ["90", "90"], ["99", "99"]], settings.percentile || "90", (value) => { settings.percentile = value; LJ.update(); });
    this.legend = LJ.h("div", {});
    this.at = LJ.h("div", {});
    this.figures = Object.fromEntries(LOADED.map(([m, name]) => [m, LJ.figure({ title: `${name} against the rate`, name: `${m}_under_load` })]));
    this.map = LJ.figure({ title: "Goodput", name: "goodput" });
    return [LJ.h("div", { class: "bar-of-tools" }, number("load.ttft", "target of TTFT [ms]", 1e-3, 1), number("load.tpot", "target of TPOT [ms]", 1e-3, 0.05), this.percentile, LJ.snapshot ? null : this.choice),
      this.at, this.legend, LJ.h("div", { class: "pair" }, Object.values(this.figures)), this.map];
  },
  looksAhead: true,
  targets(state) { return { ttft: Number(state.settings["load.ttft"]), tpot: Number(state.settings["load.tpot"]), percentile: Number(state.settings.percentile || 90) }; },
  asked(state) { const at = Number(state.settings.rate); return { ...this.targets(state), ...(at > 0 ? { at } : {}) }; },
  key(state) { return JSON.stringify([LJ.question(state), this.targets(state)]); },
  // what a hand on a slider of requests will need: every fifth of its places first, and of a few combinations the others
  track: {},
  others(state, word) { return JSON.stringify([this.key({ ...state, numbers: { ...state.numbers, [word]: 0 } }), word]); },
  prepare(word, places) {
    if (!["prompt", "output", "context"].includes(word)) return;
    const others = this.others(LJ.state, word);
    if (this.track.others === others) return;
    const track = (this.track = { others, word, places: [], at: new Map() });
    this.fill(track, [...new Set(places)]).catch(() => {}); // each place is asked for by itself then
  },
  async fill(track, places) {
    for (const first of [0, 3, 1, 4, 2]) {
      const values = places.filter((_, i) => i % 5 === first || (!first && i === places.length - 1));
      while (LJ.running()) await new Promise((go) => setTimeout(go, 20)); // what is to be shown now goes first
      if (this.track !== track || LJ.state.view !== "load") return;
      const answer = await LJ.ask("load_along", LJ.question(), { ...this.targets(LJ.state), word: track.word, values });
      answer.places.forEach((place, i) => track.at.set(place, answer.rows.map((r) => ({ capacity: r.capacity[i], tokens: r.tokens[i], ttft: r.ttft[i], tpot: r.tpot[i] }))));
      track.places = [...track.at.keys()].sort((a, b) => a - b);
      Object.assign(track, { parts: answer.parts, percentile: answer.percentile, rows: answer.rows });
      if (answer.rows.length > 3) return;
    }
  },
  // the answer of the track, where it has the place or those around it, on straight lines of logarithms
  onTrack(state) {
    const { others, word, places, at, parts, percentile, rows } = this.track, value = state.numbers[word];
    if (!rows || others !== this.others(state, word) || !(value >= places[0]) || !(value <= places[places.length - 1])) return null;
    const high = places.findIndex((p) => p >= value), low = places[high] === value ? high : high - 1;
    const [x, y] = [places[low], places[high]], share = high === low ? 0 : (Math.log1p(value) - Math.log1p(x)) / (Math.log1p(y) - Math.log1p(x));
    const [before, after] = [at.get(x), at.get(y)];
    const answers = rows.map((r, i) => {
      const [a, b] = [before[i], after[i]], capacity = between(a.capacity, b.capacity, share), tokens = between(a.tokens, b.tokens, share);
      const rates = parts.map((part) => Number((part * (capacity || 0)).toPrecision(4)));
      const times = Object.fromEntries(["ttft", "tpot"].map((m) => [m, parts.map((_, k) => between(a[m][k], b[m][k], share))]));
      return { model: r.model, hw: r.hw, opt: r.opt, engine: r.engine, runs: r.runs, reason: r.reason, capacity, tokens, rates, ...times };
    });
    const all = [...new Set(answers.flatMap((r) => r.rates))].sort((a, b) => a - b), now = Number(state.settings.rate) || all[Math.floor(all.length / 2)];
    return {
      preview: true, about: true, at: now,
      rows: answers.map(({ ttft, tpot, tokens, ...r }) => {
        const times = { ttft, tpot };
        if (r.capacity > now && !r.rates.includes(now)) { // between the rates around it
          const k = r.rates.findIndex((rate) => rate > now), i = k < 0 ? r.rates.length : k, [p, q] = [Math.max(0, i - 1), Math.min(i, r.rates.length - 1)];
          const part = p === q ? 0 : (now - r.rates[p]) / (r.rates[q] - r.rates[p]);
          for (const m of ["ttft", "tpot"]) times[m] = times[m].toSpliced(i, 0, between(times[m][p], times[m][q], part));
          r.rates = r.rates.toSpliced(i, 0, now);
        } else if (!r.rates.includes(now)) { // more than it serves
          for (const m of ["ttft", "tpot"]) times[m] = [...times[m], null];
          r.rates = [...r.rates, now];
        }
        return { ...r, [`ttft_p${percentile}`]: times.ttft, [`tpot_p${percentile}`]: times.tpot,
          utilization: r.rates.map((rate) => (r.capacity ? Math.min(1, rate / r.capacity) : 1)), output_rate: r.rates.map((rate) => Math.min(rate, r.capacity || 0) * tokens) };
      }),
    };
  },
  // while a hand moves, fewer rates will do: all of them follow when it rests, and serve whatever rate is looked at
  ask(state) {
    if (LJ.snapshot) return LJ.ask("load", LJ.question(state), {});
    if (this.whole?.key === this.key(state)) return Promise.resolve(this.whole.answer);
    const known = this.onTrack(state);
    if (known) return Promise.resolve(known);
    return LJ.ask("load", LJ.question(state), { ...this.asked(state), brief: true });
  },
  show(answer, state) {
    this.take(answer, state);
    LJ.follow(() => this.follow(answer, state));
  },
  take(answer, state) {
    const { rows } = answer, rates = answer.rates || [...new Set(rows.flatMap((r) => r.rates))].sort((a, b) => a - b);
    this.answer = { ...answer, rates, rows: rows.map((r) => ({ ...r, rates: r.rates || rates })) };
    if (!this.at.firstChild || (!answer.preview && !this.at.contains(document.activeElement))) {
      const slider = LJ.slider({ word: "rate", name: "Requests per second", unit: "1", places: rates, snap: true }, {
        get: () => this.now(LJ.state), set: (value) => { LJ.state.settings.rate = String(value); this.draw(LJ.state); },
      });
      this.at.replaceChildren(slider, LJ.h("ul", { class: "tiles", "aria-live": "polite" }));
    }
    const serves = (r) => `${LJ.caseName(r, rows)}: serves up to ${LJ.digits(r.capacity)}/s${answer.preview ? ", knee at …" : LJ.isNumber(r.knee) ? `, knee at ${LJ.digits(r.knee)}/s` : ""}`;
    this.legend.replaceChildren(LJ.legend(rows.map((r, i) => [serves(r), LJ.colour(i), 1])));
    this.choice.offer(rows.map((r, i) => [String(i), LJ.caseName(r, rows)]), String(Math.min(rows.length - 1, Number(state.settings.loadcase) || 0)));
    this.draw(state);
  },
  // the rate that is looked at: of those that there are, the nearest to the chosen one
  now(state) {
    const { rates, at, preview } = this.answer, wanted = (!preview && Number(state.settings.rate)) || at || rates[Math.floor(rates.length / 2)];
    return rates.reduce((best, r) => (Math.abs(r - wanted) < Math.abs(best - wanted) ? r : best), rates[0]);
  },
  draw(state) {
    const { rates, rows } = this.answer, percentile = state.settings.percentile || "90", targets = this.targets(state), now = this.now(state), unit = "s";
    const of = (r, metric, rate) => r[metric]?.[r.rates.indexOf(rate)] ?? null, about = this.answer.about ? "≈ " : "";
    this.at.lastChild.replaceChildren(...rows.map((r) => {
      const at = (metric) => of(r, metric, now), ttft = at(`ttft_p${percentile}`);
      return LJ.h("li", {}, LJ.h("b", {}, LJ.isNumber(ttft) ? `${about}${LJ.text(ttft, unit)}, ${LJ.text(at(`tpot_p${percentile}`), unit)}` : r.rates.includes(now) ? "saturated" : "…"),
        LJ.h("span", {}, `TTFT, TPOT of ${LJ.caseName(r, rows)} at ${LJ.digits(now)}/s`), LJ.h("span", {}, `${LJ.digits(100 * (at("utilization") ?? 1), 3)} % of its capacity, ${LJ.text(at("output_rate"), "token s-1")}`));
    }));
    const knees = rows.filter((r) => LJ.isNumber(r.knee)).map((r) => `${LJ.caseName(r, rows)} ${LJ.digits(r.knee)}/s`).join("; ");
    for (const [metric, name] of LOADED) {
      const series = rows.map((r) => ({ name: LJ.caseName(r, rows), x: r.rates, y: r[`${metric}_p${percentile}`] || r.rates.map(() => null) }));
      this.figures[metric].show({
        title: `${name}, ${percentile}th percentile, against the rate`,
        draw: (width) => LJ.lines({ series, width, now, levels: [{ y: targets[metric], name: `target ${LJ.text(targets[metric], unit)}` }],
          x: { unit: "s-1", title: "requests per second" }, y: { log: true, unit, title: `${name}, ${percentile}th percentile` }, label: `${name} by rate; knees: ${knees}; the table has the numbers` }),
        table: { head: ["rate [s-1]", ...["p50", "p90", "p99"].flatMap((p) => series.map((one) => `${one.name} ${metric} ${p} [s]`))],
          rows: rates.map((rate) => [rate, ...["p50", "p90", "p99"].flatMap((p) => rows.map((r) => of(r, `${metric}_${p}`, rate)))]) },
        note: "Beyond its knee waiting grows faster than what is served.",
      });
    }
  },
  async follow(answer, state) {
    if (LJ.snapshot) { this.map.hidden = true; return; } // its targets are any numbers, which only a server can answer
    const turn = (this.turn = (this.turn || 0) + 1), isOver = () => turn !== this.turn || LJ.state.view !== "load";
    let whole = answer;
    if (answer.preview) {
      this.map.classList.toggle("stale", Boolean(this.mapKey)); // until the hand rests
      await new Promise((go) => setTimeout(go, 180));
      if (isOver()) return;
      whole = await LJ.ask("load", LJ.question(state), this.asked(state));
      if (isOver()) return;
      this.whole = { key: this.key(state), answer: whole };
      this.take(whole, LJ.state);
      LJ.same(whole, state);
    }
    const { rows } = whole, row = rows[Math.min(rows.length - 1, Number(state.settings.loadcase) || 0)];
    const settings = { ...this.targets(state) }, most = row.capacity;
    if (!LJ.isNumber(most)) return;
    settings.rates = [0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.85, 0.92, 0.98, 1.1].map((part) => Number((part * most).toPrecision(3)));
    const question = { ...LJ.question(state), hw: [row.hw], model: [row.model], opt: [LJ.stackOf(row.opt)], engine: row.engine ? [row.engine] : state.engine };
    const key = JSON.stringify([question, settings]);
    if (this.mapKey !== key) {
      await new Promise((go) => setTimeout(go, 130));
      if (isOver()) return;
      const map = await LJ.ask("goodput", question, settings);
      if (isOver()) return;
      this.mapKey = key;
      this.mapAnswer = map;
    }
    this.map.classList.remove("stale");
    const { good, prompts, rates: xs, max_rate: limit, commands } = this.mapAnswer, name = LJ.caseName(row, rows);
    const told = (x, y, v) => `${LJ.digits(x)}/s, prompts of ${y}: ${LJ.isNumber(v) ? `${LJ.digits(100 * v, 3)} %` : "none"} meet the targets`;
    this.map.show({
      title: `Goodput of ${name}: percent of requests that meet both targets`,
      draw: (width) => LJ.heat({ width, xs, ys: prompts, values: (i, j) => good[i][j], xTitle: "requests per second", yTitle: "prompt [tok]", text: told, label: `part of requests that meet the targets, by rate and length of prompts: ${prompts.map((p, j) => `prompt ${p}: ${good.map((g) => `${Math.round(100 * (g[j] ?? 0))} %`).join(", ")}`).join("; ")}` }),
      table: { head: ["prompt [tok]", ...xs.map((x) => `${LJ.digits(x)}/s`)], rows: prompts.map((p, j) => [p, ...xs.map((_, i) => good[i][j])]) },
      note: `At the prompt above, ${settings.percentile} % of requests meet both targets up to ${LJ.digits(limit)} requests per second.`,
    });
    LJ.followed(whole, commands);
  },
};
