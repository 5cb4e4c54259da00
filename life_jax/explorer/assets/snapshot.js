"use strict";
// Answers without a server: from the grid that the page carries. Numbers snap to its places.
LJ.fromSnapshot = async (view, question, settings) => {
  const answer = LJ.SNAPSHOT[view];
  if (!answer) throw new Error(`this page carries no answer to ${view}`);
  return answer(LJ.snapshot, question, settings);
};

const nearestPlace = (values, x) => {
  let best = 0;
  values.forEach((v, i) => { if (Math.abs(v - x) < Math.abs(values[best] - x)) best = i; });
  return best;
};
const strides = (axes) => axes.map((_, i) => axes.slice(i + 1).reduce((n, a) => n * a.values.length, 1));
// place of a point in the flat grid of some axes
const placeOf = (axes, numbers) => {
  const step = strides(axes);
  return axes.reduce((sum, a, i) => sum + step[i] * nearestPlace(a.values, numbers[a.key] ?? a.values[0]), 0);
};
const pointsOf = (axes) => axes.reduce((n, a) => n * a.values.length, 1);
const chosenCells = (s, q) => {
  const stacks = q.opt.map(LJ.stackText);
  return s.cells.map((cell, i) => [cell, i]).filter(([c]) => q.model.includes(c.model) && q.hw.includes(c.hw) && stacks.includes(c.opt) && (c.engine === undefined || !q.engine.length || q.engine.includes(c.engine)));
};
const metricsAt = (s, index) => Object.fromEntries(Object.entries(s.values).map(([name, values]) => [name, values[index]]));

LJ.SNAPSHOT = {
  compare(s, q) {
    const at = placeOf(s.axes, q.numbers), each = pointsOf(s.axes);
    return { rows: chosenCells(s, q).map(([cell, i]) => ({ ...cell, values: cell.reason ? undefined : metricsAt(s, i * each + at) })), warnings: s.warnings, commands: s.commands };
  },
  curve(s, q, { key }) {
    const axis = s.axes.find((a) => a.key === key) || s.axes[0], each = pointsOf(s.axes);
    if (!axis) return { key: "", x: [], rows: [], commands: [] };
    const at = axis.values.map((x) => placeOf(s.axes, { ...q.numbers, [axis.key]: x }));
    const names = ["ttft", "tpot", "tps", "throughput", "e2e", "memory"];
    return { key: axis.key, x: axis.values, commands: [], rows: chosenCells(s, q).map(([cell, i]) => ({ ...cell, ...Object.fromEntries(names.map((m) => [m, at.map((k) => s.values[m][i * each + k])])) })) };
  },
  where(s, q) {
    const found = chosenCells(s, q)[0];
    if (!found || found[0].reason) throw new Error(found ? found[0].reason : "this page does not carry this combination");
    const [cell, i] = found, w = s.where, index = i * pointsOf(w.axes) + placeOf(w.axes, q.numbers), of = w.tables[index];
    if (!of) throw new Error("this page carries no operators of this combination; life-jax explain has them");
    const values = metricsAt(s, i * pointsOf(s.axes) + placeOf(s.axes, q.numbers));
    return { ...cell, values, steps: { prefill: of.prefill, decode: of.decode }, roofs: of.roofs, warnings: s.warnings, commands: s.commands };
  },
  elasticity(s, q) {
    const [, i] = chosenCells(s, q)[0], w = s.where;
    return { rows: w.elasticity[i * pointsOf(w.axes) + placeOf(w.axes, q.numbers)], bound_share: { ttft: {}, tpot: {} }, commands: [] };
  },
  fits: (s, q) => ({ cells: s.fits.cells.filter((c) => q.hw.includes(c.hw)), warnings: s.warnings, commands: s.commands }),
  load(s, q) {
    const axes = Object.entries(s.load.axes).map(([key, values]) => ({ key, values })), place = placeOf(axes, q.numbers);
    const rows = chosenCells(s, q).map(([cell, i]) => ({ ...cell, ...s.load.rows[i][place] })).filter((r) => LJ.isNumber(r.capacity) && r.capacity > 0);
    if (!rows.length) throw new Error("none of the combinations can serve requests of this length: they do not fit in memory");
    const most = Math.max(...rows.map((r) => r.capacity)), served = s.load.rates.filter((rate) => rate <= most).length;
    const cut = (r) => Object.fromEntries(Object.entries(r).map(([key, x]) => [key, Array.isArray(x) ? x.slice(0, served) : x]));
    return { rates: s.load.rates.slice(0, served), rows: rows.map(cut), warnings: s.warnings, commands: s.commands };
  },
  trade(s, q) {
    if (s.designs) return { points: s.designs.filter((d) => q.hw.includes(d.hw) && q.model.includes(d.model) && q.opt.map(LJ.stackText).includes(d.opt)), warnings: s.warnings, commands: [], fixed: s.commands };
    // designs differ in batch, and in what no slider is for
    const batch = s.axes.find((a) => a.key === "batch"), each = pointsOf(s.axes), points = [];
    for (const [cell, i] of chosenCells(s, q)) {
      if (cell.reason) continue;
      for (const b of batch ? batch.values : [undefined]) {
        const at = placeOf(s.axes, b === undefined ? q.numbers : { ...q.numbers, batch: b });
        points.push({ ...cell, batch: b, ...metricsAt(s, i * each + at) });
      }
    }
    return { points, warnings: s.warnings, commands: [], fixed: s.commands };
  },
};
LJ.tradeMetrics = () => {
  const s = LJ.snapshot;
  return s.designs ? new Set(s.designs.flatMap((d) => Object.keys(d).filter((k) => LJ.isNumber(d[k])))) : new Set(Object.keys(s.values).filter((m) => s.values[m].some(LJ.isNumber)));
};
