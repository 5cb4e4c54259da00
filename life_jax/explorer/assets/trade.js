"use strict";
// View 4: what is worth having. Targets are lines that can be dragged, or moved by arrow keys.
const OBJECTIVES = [
  ["tpot", "TPOT"], ["ttft", "TTFT"], ["throughput", "throughput"], ["cost_per_mtoken", "USD per Mtoken"], ["price", "price"],
  ["energy_per_token", "energy per token"], ["quality", "quality kept"], ["e2e", "whole request"], ["tps", "tokens/s of one sequence"],
];
const isBetter = (metric, a, b) => (LJ.metric(metric).better === "high" ? a > b : a < b);
const isWorse = (metric, a, b) => a !== b && !isBetter(metric, a, b);
LJ.meets = (p, targets) => p.fits_memory && Object.entries(targets).every(([m, t]) => LJ.isNumber(p[m]) && !isWorse(m, p[m], t));
// points that no other is better than in both objectives
LJ.frontOf = (points, x, y) => {
  const usable = points.filter((p) => LJ.isNumber(p[x]) && LJ.isNumber(p[y]));
  return usable.filter((p) => !usable.some((q) => !isWorse(x, q[x], p[x]) && !isWorse(y, q[y], p[y]) && (isBetter(x, q[x], p[x]) || isBetter(y, q[y], p[y]))))
    .sort((a, b) => a[x] - b[x]);
};

// dots of points over two metrics, the front as a line, targets as lines with a handle
LJ.scatter = ({ points, front, x, y, targets, onTarget, width, height = 420, label, name, brief, groups }) => {
  const log = (m) => m !== "quality";
  const axis = (m) => {
    const values = points.map((p) => p[m]).concat(targets[m] ?? []);
    let [low, high] = LJ.range(values, log(m), 0.06);
    if (!log(m)) { const usable = values.filter(LJ.isNumber); low = Math.min(...usable, 1) - 0.01; high = Math.max(...usable, 1) + 0.005; }
    return { low, high, log: log(m), unit: LJ.metric(m).unit, title: LJ.metric(m).name, brief: LJ.short(m) };
  };
  const plane = LJ.plane({ width, height, top: 22, left: 74, x: axis(x), y: axis(y) }), parts = [...plane.parts];
  const s = LJ.s, at = (p) => [plane.sx(p[x]), plane.sy(p[y])];
  if (front.length > 1) parts.push(s("path", { class: "roof", d: `M${front.map((p) => at(p).map((v) => v.toFixed(1)).join(",")).join("L")}` }));
  const on = new Set(front);
  for (const p of points) {
    if (!LJ.isNumber(p[x]) || !LJ.isNumber(p[y])) continue;
    const g = groups.indexOf(p.hw), ok = LJ.meets(p, targets), [cx, cy] = at(p);
    const dot = LJ.mark(g, cx, cy, on.has(p) ? 6 : 4, { class: `${ok ? LJ.colour(g) : "fill-grey"}${on.has(p) ? "" : " ghost"}` });
    dot.append(s("title", {}, `${name(p)}: ${LJ.short(x)} ${LJ.ofMetric(x, p[x])}, ${LJ.short(y)} ${LJ.ofMetric(y, p[y])}${p.fits_memory ? "" : ", does not fit"}`));
    parts.push(dot);
  }
  const labels = LJ.labels(plane);
  for (const p of points) if (LJ.isNumber(p[x]) && LJ.isNumber(p[y])) labels.dot(...at(p), on.has(p) ? 6 : 4, on.has(p) ? 6 : 1);
  labels.line(front.map(at));
  // the ends first, then every other one: where there is no room for all, those stay that tell most
  const turn = (i) => (i === 0 || i === front.length - 1 ? 0 : i % 4 === 0 ? 1 : i % 2 === 0 ? 2 : 3);
  for (const [p] of front.map((p, i) => [p, turn(i)]).sort((a, b) => a[1] - b[1])) {
    parts.push(...labels.place(...at(p), 6, width < 520 ? [brief(p)] : [name(p), LJ.shorten(name(p), 230), brief(p)]));
  }
  const line = (metric, isX) => {
    const value = targets[metric];
    if (!LJ.isNumber(value)) return;
    const p = isX ? plane.sx(value) : plane.sy(value);
    const last = isX && p + 100 > plane.right; // no room behind the line
    const ends = isX ? { x1: p, x2: p, y1: plane.top, y2: plane.bottom } : { x1: plane.left, x2: plane.right, y1: p, y2: p };
    const handle = s("circle", {
      class: "handle", r: 8, cx: isX ? p : plane.right - 10, cy: isX ? plane.top + 10 : p, tabindex: 0, role: "slider", "data-key": `target ${metric}`,
      "aria-label": `target of ${LJ.metric(metric).name}`, "aria-valuenow": value, "aria-valuetext": LJ.ofMetric(metric, value),
      "aria-orientation": isX ? "horizontal" : "vertical", "aria-valuemin": 0, "aria-valuemax": 10 * value,
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
        if (!step) return;
        event.preventDefault();
        onTarget(metric, value * 1.03 ** step);
      },
      onpointerdown: (event) => {
        event.preventDefault();
        const box = event.target.ownerSVGElement.getBoundingClientRect();
        const move = (e) => onTarget(metric, isX ? plane.sx.invert(Math.min(Math.max(e.clientX - box.left, plane.left), plane.right)) : plane.sy.invert(Math.min(Math.max(e.clientY - box.top, plane.top), plane.bottom)));
        const stop = () => { window.removeEventListener("pointermove", move); window.removeEventListener("pointerup", stop); window.removeEventListener("pointercancel", stop); };
        window.addEventListener("pointermove", move);
        window.addEventListener("pointerup", stop);
        window.addEventListener("pointercancel", stop);
      },
    });
    parts.push(s("line", { class: "target", ...ends }), handle);
    parts.push(s("text", { class: "small", x: isX ? p + (last ? -12 : 12) : plane.right - 24, y: isX ? plane.top + 14 : p - 6, "text-anchor": isX && !last ? "start" : "end" }, `target ${LJ.ofMetric(metric, value)}`));
  };
  line(x, true);
  line(y, false);
  const picture = LJ.picture(width, height, label, ...parts);
  picture.setAttribute("role", "group"); // its handles are to be reached
  return picture;
};

LJ.VIEWS.trade = {
  name: "Trade",
  title: "What trades against what?",
  lead: "Every combination at batches from 1 to 256. The line joins those that no other beats in both; grey ones miss a target or do not fit. Drag a target, or move it with the arrow keys.",
  carried: "Every design that this page carries. The line joins those that no other beats in both; grey ones miss a target or do not fit. Drag a target, or move it with the arrow keys.",
  controls: () => everyControl(["batch"]),
  looksAhead: true,
  build() {
    const settings = LJ.state.settings;
    const change = (key) => (value) => { settings[key] = value; this.redraw(); LJ.remember(); };
    for (const [key, value] of Object.entries(LJ.snapshot?.settings || {})) settings[key] ??= value;
    const usable = OBJECTIVES.filter(([m]) => !LJ.snapshot || LJ.tradeMetrics().has(m));
    this.x = () => (usable.some(([m]) => m === settings.x) ? settings.x : usable[0][0]);
    this.y = () => (usable.some(([m]) => m === settings.y) ? settings.y : (usable.find(([m]) => m === "cost_per_mtoken") || usable[1] || usable[0])[0]);
    const target = (metric) => {
      const id = LJ.id("target"), unit = LJ.metric(metric).unit, [factor, shown] = unit === "s" ? [1e-3, "ms"] : [1, LJ.unit(unit)];
      const input = LJ.h("input", { type: "number", id, min: 0, step: "any", placeholder: "none" });
      input.addEventListener("input", () => { this.setTarget(metric, input.value === "" ? null : Number(input.value) * factor, input); });
      this.inputs[metric] = (value) => { input.value = LJ.isNumber(value) ? Number((value / factor).toPrecision(3)) : ""; };
      return LJ.h("label", { for: id }, `target of ${LJ.short(metric)}${shown ? ` [${shown}]` : ""}`, input);
    };
    this.inputs = {};
    this.legend = LJ.h("div", {});
    this.figure = LJ.figure({ title: "Pareto front", name: "trade" });
    this.front = LJ.h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "front: table" });
    return [LJ.h("div", { class: "bar-of-tools" }, LJ.select("across", usable, this.x(), change("x")), LJ.select("up", usable, this.y(), change("y")), target("ttft"), target("tpot"),
      usable.some(([m]) => m === "quality") ? target("quality") : null), this.legend, this.figure, LJ.h("h3", {}, "The front"), this.front];
  },
  targets(state) {
    return Object.fromEntries(OBJECTIVES.map(([m]) => [m, Number(state.settings[`target.${m}`])]).filter(([, t]) => t > 0));
  },
  setTarget(metric, value, from) {
    const settings = LJ.state.settings, key = `target.${metric}`;
    if (LJ.isNumber(value) && value > 0) settings[key] = String(Number(value.toPrecision(3)));
    else delete settings[key];
    if (!from) this.inputs[metric]?.(Number(settings[key]));
    const started = performance.now();
    this.redraw();
    LJ.remember();
    LJ.moves.push(performance.now() - started);
  },
  ask: (state) => LJ.ask("trade", LJ.question(state), {}),
  show(answer, state) {
    this.answer = answer;
    for (const [metric, set] of Object.entries(this.inputs)) set(Number(state.settings[`target.${metric}`]));
    this.redraw();
  },
  redraw() {
    const { points, commands, warnings, cannot } = this.answer, state = LJ.state, x = this.x(), y = this.y(), targets = this.targets(state);
    if (!points.length) { this.front.replaceChildren("no design is chosen"); return; }
    const groups = [...new Set(points.map((p) => p.hw))];
    const several = ["model", "opt", "engine"].filter((key) => points.some((p) => p[key] !== points[0][key]));
    const name = (p) => [p.hw, ...several.map((key) => p[key]), p.batch === undefined ? null : `batch ${p.batch}`, p.at || null].filter((part) => part !== null && part !== undefined).join(" · ");
    const same = ["model", "opt", "engine"].filter((key) => points.length > 1 && points[0][key] && !several.includes(key)).map((key) => (key === "opt" && points[0].opt === "none" ? "without options" : points[0][key]));
    const brief = (p) => LJ.shorten(name(p).split(" · ").slice(1).join(" · ") || p.hw, 150); // its colour and shape tell the device
    const good = points.filter((p) => LJ.meets(p, targets)), front = LJ.frontOf(good, x, y);
    this.legend.replaceChildren(LJ.legend(groups.map((hw, i) => [hw, LJ.colour(i), i])));
    const metrics = OBJECTIVES.map(([m]) => m).filter((m) => points.some((p) => LJ.isNumber(p[m])));
    const rows = points.map((p) => [name(p), ...metrics.map((m) => p[m]), p.fits_memory ? "yes" : "no"]);
    const head = ["design", ...metrics.map((m) => { const u = LJ.metric(m).unit; return u === "1" ? m : `${m} [${u}]`; }), "fits"];
    this.figure.show({
      title: LJ.sentence(`${LJ.short(y)} against ${LJ.short(x)}`),
      draw: (width) => LJ.scatter({ points, front, x, y, targets, groups, name, brief, width, onTarget: (m, v) => this.setTarget(m, v),
        label: `${LJ.short(y)} against ${LJ.short(x)} of ${points.length} designs, ${good.length} of which meet the targets; front: ${front.map((p) => `${name(p)} ${LJ.ofMetric(x, p[x])}, ${LJ.ofMetric(y, p[y])}`).join("; ")}` }),
      table: { head, rows },
      note: (same.length ? `All are ${same.join(", ")}. ` : "") + (good.length ? `${good.length} of ${points.length} designs fit and meet the targets; ${front.length} are on the front.` : `None of ${points.length} designs fits and meets the targets.`),
    });
    this.front.replaceChildren(LJ.table({ head: ["design", ...metrics.map(LJ.short)], rows: front.map((p) => [name(p), ...metrics.map((m) => LJ.ofMetric(m, p[m]))]) }));
    const limits = Object.entries(targets).map(([m, t]) => ` limit.${m}=${t}`).join("");
    const line = this.answer.fixed || (commands[0] && x !== y ? [`${commands[0]} 'pareto=[${x},${y}]' 'free=[batch]' limit.fits_memory=true${limits}`] : commands);
    LJ.same({ commands: line, warnings: [...warnings, ...(cannot || [])] }, state);
    this.drawn = front;
  },
};
