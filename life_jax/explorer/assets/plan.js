"use strict";
// View 6: what should I run? The planner's form and its ranked answer.
const PLAN_FIELDS = [ // key, label, factor of what is typed, usual
  ["rate", "requests per second", 1, ""], ["concurrency", "or requests at once", 1, ""], ["ttft", "TTFT at most [ms]", 1e-3, ""], ["tpot", "TPOT at most [ms]", 1e-3, 50],
  ["percentile", "of so many requests [%]", 1, ""], ["quality", "quality kept [0 to 1]", 1, ""], ["confidence", "how sure [0 to 1]", 1, ""],
  ["devices", "devices, at most", 1, 8], ["usd", "price at most [USD]", 1, ""], ["usd_per_hour", "rent at most [USD/h]", 1, ""], ["watt", "power at most [W]", 1, ""],
];
const SHOWN_ROWS = 15; // of the ranking; its table has all
const IN_WORDS = new Set(["design", "format", "layout", "engine"]); // columns
const MINIMIZE = [["price", "price"], ["cost_per_mtoken", "USD per million tokens"], ["energy_per_token", "energy per token"], ["tpot", "TPOT"], ["ttft", "TTFT"]];
const layoutText = (layout) => Object.entries(layout).filter(([, n]) => n > 1).map(([k, n]) => `${k}${n}`).join(" ") || "single";

LJ.VIEWS.plan = {
  name: "Plan",
  title: "What should I run?",
  lead: "Devices, how many, their layout, the engine and the format that meet the targets, ranked; and why others do not. A device may be a class, such as class:datacenter, or all.",
  controls: () => everyControl(["batch"]),
  onRelease: true, // of a slider: a search takes longer than a hand waits
  build() {
    const settings = LJ.state.settings;
    const field = ([key, label, factor, usual]) => {
      const id = LJ.id("plan"), own = settings[`plan.${key}`];
      const input = LJ.h("input", { type: "number", id, min: 0, step: "any", placeholder: "any", value: own !== undefined ? Number((Number(own) / factor).toPrecision(6)) : usual });
      if (own === undefined && usual !== "") settings[`plan.${key}`] = String(usual * factor);
      input.addEventListener("change", () => {
        if (input.value === "" || !(Number(input.value) > 0)) settings[`plan.${key}`] = "0";
        else settings[`plan.${key}`] = String(Number((Number(input.value) * factor).toPrecision(6)));
        LJ.update();
      });
      return LJ.h("label", { for: id }, label, input);
    };
    const free = LJ.select("formats and engines", [["yes", "any that run"], ["no", "those chosen"]], settings["plan.free"] || "yes", (value) => { settings["plan.free"] = value; LJ.update(); });
    const minimize = LJ.select("ranked by", MINIMIZE, settings["plan.minimize"] || "price", (value) => { settings["plan.minimize"] = value; LJ.update(); });
    this.note = LJ.h("p", {});
    this.figure = LJ.figure({ title: "The ranking", name: "plan" });
    this.legend = LJ.h("div", {});
    this.table = LJ.h("div", { class: "scroll spaced", tabindex: "0", role: "region", "aria-label": "ranking" });
    this.losers = LJ.h("div", {});
    return [LJ.h("div", { class: "bar-of-tools form" }, PLAN_FIELDS.map(field), minimize, free), this.note, this.table, this.legend, this.figure, this.losers];
  },
  ask(state) {
    const settings = {};
    for (const [key] of PLAN_FIELDS) if (Number(state.settings[`plan.${key}`]) > 0) settings[key] = Number(state.settings[`plan.${key}`]);
    settings.minimize = state.settings["plan.minimize"] || "price";
    settings.free = state.settings["plan.free"] !== "no";
    return LJ.ask("plan", LJ.question(state), settings);
  },
  show(answer) {
    const p = Number(LJ.state.settings["plan.percentile"]) || 50, which = (m) => (answer.loaded ? [`${m}_p${[50, 90, 99].includes(p) ? p : 50}`, `${m}_mean`] : [m]);
    const time = (r, m) => { const key = which(m).find((k) => LJ.isNumber(r.metrics[k])); return key ? LJ.text(r.metrics[key], "s") : "–"; };
    const name = (r) => `${r.devices} × ${r.hw}, ${layoutText(r.layout)}, ${r.engine}, ${r.opt || "none"}`;
    const cells = (r) => [
      `${r.devices} × ${r.hw}`, r.opt || "none", LJ.isNumber(r.metrics.price) ? `${Math.round(r.metrics.price)} USD` : "–",
      LJ.isNumber(r.meets) ? `${Math.round(100 * r.meets)} %` : "–", time(r, "ttft"), time(r, "tpot"),
      LJ.isNumber(r.metrics.quality) ? LJ.digits(r.metrics.quality) : "–", LJ.isNumber(r.metrics.memory_part) ? `${Math.round(100 * r.metrics.memory_part)} %` : "–",
      layoutText(r.layout), r.engine, r.concurrency,
    ];
    const head = ["design", "format", "price", "P(meets)", "TTFT", "TPOT", "quality", "memory", "layout", "engine", "at once"];
    const rows = answer.rows.length ? answer.rows : answer.nearest ? [answer.nearest] : [];
    const copy = (r) => LJ.h("button", { type: "button", class: "small", "aria-label": `copy the command of ${name(r)}`, onclick: () => LJ.copy(r.command, "command") }, "Copy");
    this.note.textContent = answer.rows.length
      ? `${answer.count} designs of ${answer.space} meet what is asked, and none of them is beaten by another in price, TTFT, TPOT and quality.${answer.count > SHOWN_ROWS ? ` The first ${SHOWN_ROWS}; the table below has ${Math.min(answer.count, answer.rows.length)}.` : ""}`
      : answer.nearest ? `None of ${answer.space} designs meets what is asked. The nearest is below; it would, if ${Object.entries(answer.nearest.relax || {}).map(([k, v]) => `${k} were ${LJ.digits(v)}`).join(" and ")}.`
        : `None of ${answer.space} designs is possible.`;
    this.table.replaceChildren(rows.length ? LJ.h("table", { class: "tight" },
      LJ.h("thead", {}, LJ.h("tr", {}, LJ.h("th", { scope: "col" }, "rank"), LJ.h("th", { scope: "col" }, "words"), head.map((h) => LJ.h("th", { scope: "col", class: IN_WORDS.has(h) ? "text" : null }, h)))),
      LJ.h("tbody", {}, rows.slice(0, SHOWN_ROWS).map((r) => LJ.h("tr", {}, LJ.h("th", { scope: "row" }, answer.rows.length ? r.rank : "–"), LJ.h("td", {}, copy(r)), cells(r).map((c, i) => LJ.h("td", { class: IN_WORDS.has(head[i]) ? "text" : null }, c)))))) : "");
    const metrics = [...new Set(rows.flatMap((r) => Object.keys(r.metrics)))];
    const by = LJ.state.settings["plan.minimize"] || "price", shown = [by, "price"].find((m) => m !== "tpot" && rows.some((r) => LJ.isNumber(r.metrics[m]))) || "ttft";
    const [y] = which(shown), [x] = which(rows.some((r) => LJ.isNumber(r.metrics[which("tpot")[0]])) ? "tpot" : "ttft");
    const points = rows.map((r) => ({ ...r.metrics, hw: r.hw, fits_memory: true, text: `${answer.rows.length ? `${r.rank}. ` : ""}${r.devices} × ${r.hw}, ${r.opt || "none"}` }));
    const groups = [...new Set(points.map((p) => p.hw))], front = LJ.frontOf(points, x, y);
    this.legend.replaceChildren(LJ.legend(groups.map((hw, i) => [hw, LJ.colour(i), i])));
    this.figure.show({
      title: LJ.sentence(`${LJ.short(shown)} against ${LJ.short(x.split("_")[0])} of the ranking`),
      draw: (width) => LJ.scatter({ points, front, x, y, targets: {}, groups, width, height: 360, name: (p) => p.text, brief: (p) => p.text.split(",")[0],
        label: `designs by ${LJ.metric(x).name} and ${LJ.metric(y).name}: ${points.slice(0, SHOWN_ROWS).map((p) => `${p.text} ${LJ.ofMetric(x, p[x])}, ${LJ.ofMetric(y, p[y])}`).join("; ") || "none"}` }),
      note: rows.length > 1 ? "The line joins those that no other beats in both; the ranking also looks at TTFT and quality." : "",
      table: { head: ["rank", "model", "design", "layout", "engine", "format", "at once", ...metrics, "meets", "command"], rows: rows.map((r) => [r.rank, r.model, `${r.devices} x ${r.hw}`, layoutText(r.layout), r.engine, r.opt, r.concurrency, ...metrics.map((m) => r.metrics[m] ?? null), r.meets, r.command]) },
    });
    const lost = Object.entries(answer.rejected).sort((a, b) => b[1] - a[1]);
    this.losers.replaceChildren(LJ.h("h3", {}, "Why others are not here"), LJ.h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "reasons" }, LJ.table({ head: ["reason", "designs", "because"], rows: lost.map(([reason, n]) => [reason, n, answer.meanings[reason]]) }, { class: "wrapped" })));
  },
};
