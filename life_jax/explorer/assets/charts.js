"use strict";
// Pictures in SVG. Each takes plain numbers and a width in pixels and returns an element with a text for who cannot see it.
const { s: S } = LJ;
LJ.COLOURS = 8;
LJ.colour = (i, what = "fill") => `${what}-c${i % LJ.COLOURS}`;
LJ.picture = (width, height, label, ...children) =>
  S("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...children);
const write = (x, y, text, attributes = {}) => S("text", { x, y, ...attributes }, text);
LJ.shorten = (text, room) => {
  const most = Math.max(4, Math.floor(room / 6.6));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
};

LJ.linear = (low, high, from, to) => {
  const span = high - low || 1;
  return Object.assign((x) => from + ((x - low) / span) * (to - from), { invert: (p) => low + ((p - from) / (to - from)) * span });
};
LJ.log = (low, high, from, to) => {
  const a = Math.log10(low), b = Math.log10(high), span = b - a || 1;
  return Object.assign((x) => from + ((Math.log10(x) - a) / span) * (to - from),
    { invert: (p) => 10 ** (a + ((p - from) / (to - from)) * span) });
};
LJ.ticks = (low, high, count = 5) => {
  if (!(high > low)) return [low];
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((x) => x >= rough * 0.999);
  const ticks = [];
  for (let x = Math.ceil(low / step - 1e-9) * step; x <= high * (1 + 1e-12); x += step) ticks.push(Math.abs(x) < step * 1e-9 ? 0 : x);
  return ticks;
};
LJ.logTicks = (low, high, room) => {
  const decades = Math.log10(high / low), ticks = [];
  const parts = decades < 1.2 ? [1, 1.5, 2, 3, 5, 7] : decades < 2.6 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((decades * parts.length) / Math.max(2, room / 52) / parts.length));
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
    if (parts.length === 1 && p % every) continue;
    for (const f of parts) { const x = f * 10 ** p; if (x >= low * 0.999 && x <= high * 1.001) ticks.push(x); }
  }
  return ticks;
};
LJ.legend = (entries) => LJ.h("ul", { class: "legend" }, entries.map(([name, fill, mark]) =>
  LJ.h("li", {}, S("svg", { width: 12, height: 12, "aria-hidden": "true" }, LJ.mark(mark || 0, 6, 6, 5, { class: fill })), name)));

// shapes tell groups apart where colours do not
LJ.mark = (kind, x, y, r, attributes) => {
  const k = kind % 5;
  if (k === 0) return S("circle", { cx: x, cy: y, r, ...attributes });
  if (k === 1) return S("rect", { x: x - r * 0.9, y: y - r * 0.9, width: r * 1.8, height: r * 1.8, ...attributes });
  const points = k === 2 ? [[0, -1.2], [1.1, 0.9], [-1.1, 0.9]] : k === 3 ? [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]] : [[0, 1.2], [1.1, -0.9], [-1.1, -0.9]];
  return S("polygon", { points: points.map(([a, b]) => `${x + a * r},${y + b * r}`).join(" "), ...attributes });
};

// places of texts beside dots, where they touch least: no other text, few dots and little of a line
const MOST_HIDDEN = 6.5; // three pieces of a line, or as many small dots: a front's dot is never hidden
LJ.labels = (plane, most = MOST_HIDDEN) => {
  const taken = [], touches = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const take = (x, y, r, cost) => { taken.push({ left: x - r, right: x + r, top: y - r, bottom: y + r, cost }); };
  return {
    dot: (x, y, r, cost = 1) => take(x, y, r, cost),
    line(points) {
      for (let i = 1; i < points.length; i++) {
        const [[a, b], [c, d]] = [points[i - 1], points[i]], steps = Math.max(1, Math.ceil(Math.hypot(c - a, d - b) / 8));
        for (let k = 0; k <= steps; k++) take(a + ((c - a) * k) / steps, b + ((d - b) * k) / steps, 1.5, 2);
      }
    },
    // elements of one of some texts, the best first, beside a dot of radius r; none where it would hide another
    place(x, y, r, texts) {
      const places = [];
      for (const [k, text] of texts.entries()) for (const far of [4, 13, 24, 38]) {
        const d = r + far, e = 0.7 * d, w = 6.2 * text.length;
        for (const [px, py, anchor] of [[x + d, y + 4, "start"], [x + e, y - e, "start"], [x + e, y + e + 9, "start"], [x - d, y + 4, "end"], [x - e, y - e, "end"], [x - e, y + e + 9, "end"], [x, y - d, "middle"], [x, y + d + 9, "middle"]]) {
          const left = anchor === "start" ? px : anchor === "end" ? px - w : px - w / 2;
          places.push({ px, py, anchor, far, text, worse: k + far / 30, box: { left, right: left + w, top: py - 10, bottom: py + 3, cost: Infinity } });
        }
      }
      let best = null, least = Infinity;
      for (const place of places) {
        const { box } = place;
        if (box.left < plane.left + 2 || box.right > plane.right + 6 || box.top < plane.top + 1 || box.bottom > plane.bottom) continue;
        const cost = taken.reduce((sum, other) => sum + (touches(box, other) ? other.cost : 0), place.worse);
        if (cost < least) { best = place; least = cost; }
      }
      if (!best || least > most) return [];
      taken.push(best.box);
      const { px, py, anchor, box, text } = best, edge = anchor === "start" ? box.left - 2 : anchor === "end" ? box.right + 2 : px;
      return [best.far > 4 ? S("path", { class: "lead", d: `M${edge.toFixed(1)},${(anchor === "middle" && py > y ? py - 10 : py - 4).toFixed(1)}L${x.toFixed(1)},${y.toFixed(1)}` }) : null,
        write(px, py, text, { class: "small", "text-anchor": anchor })];
    },
  };
};

// bars with intervals, one a row. rows: [{label, value, low, high, text, fill, note, ghost}]
LJ.bars = ({ rows, unit, label, log = false, width }) => {
  const needed = Math.max(60, 7 * Math.max(0, ...rows.map((r) => r.label.length)) + 10);
  const narrow = width < 420 || (width < 560 && needed > 0.4 * width); // labels stand above their bars
  const left = narrow ? 4 : Math.min(260, needed, width * 0.42);
  const right = Math.max(92, ...rows.map((r) => Math.min(0.5 * width, 6.8 * (r.text || "").length + 8))), height = narrow ? 42 : 26, top = 4;
  const all = rows.flatMap((r) => [r.value, r.high]).filter((x) => LJ.isNumber(x) && x > 0);
  const high = Math.max(...all, 0) || 1;
  const low = log ? Math.min(...rows.flatMap((r) => [r.value, r.low]).filter((x) => LJ.isNumber(x) && x > 0), high) / 2 : 0;
  const x = log ? LJ.log(low, high, left, width - right) : LJ.linear(0, high, left, width - right);
  const ticks = log ? LJ.logTicks(low, high, width - right - left) : LJ.ticks(0, high, Math.max(2, Math.floor((width - right - left) / 90)));
  const bottom = top + rows.length * height;
  const parts = ticks.map((t) => [
    S("line", { class: "grid", x1: x(t), x2: x(t), y1: top, y2: bottom }),
    write(x(t), bottom + 14, LJ.text(t, unit), { class: "quiet small", "text-anchor": narrow && x(t) < 30 ? "start" : "middle" }),
  ]);
  rows.forEach((r, i) => {
    const y = top + i * height, at = narrow ? y + 20 : y + 5, thick = 16;
    parts.push(write(narrow ? 4 : left - 8, narrow ? y + 14 : y + 17, LJ.shorten(r.label, narrow ? width - 8 : left - 8), { "text-anchor": narrow ? "start" : "end" }));
    if (!LJ.isNumber(r.value)) {
      parts.push(write(left + 4, at + 12, LJ.shorten(r.note || "no forecast", width - left), { class: "quiet" }));
      return;
    }
    const end = Math.max(left + 1, x(Math.max(r.value, low || 0)));
    parts.push(S("rect", { class: `${r.fill}${r.ghost ? " ghost" : ""}`, x: left, y: at, width: end - left, height: thick }));
    if (LJ.isNumber(r.low) && LJ.isNumber(r.high)) {
      const a = Math.max(left, x(r.low || low)), b = x(r.high), m = at + thick / 2;
      parts.push(S("path", { class: "whisker", fill: "none", d: `M${a},${m - 5}V${m + 5}M${a},${m}H${b}M${b},${m - 5}V${m + 5}` }));
    }
    const past = Math.max(end, LJ.isNumber(r.high) ? x(r.high) : 0);
    parts.push(write(past + 6, at + 12, r.text ?? LJ.text(r.value, unit)));
  });
  return LJ.picture(width, bottom + 22, label, ...parts.flat());
};

// axes of a plane. x, y: {low, high, log, unit, title, brief}; brief: where there is no room for the title
const axisTitle = (axis, room) => (axis.brief && LJ.shorten(axis.title, room) !== axis.title ? axis.brief : LJ.shorten(axis.title, room));
LJ.plane = ({ width, height, x, y, left = 62, right = 14, top = 10, bottom = 40 }) => {
  const make = (axis, from, to) => (axis.log ? LJ.log : LJ.linear)(axis.low, axis.high, from, to);
  const sx = make(x, left, width - right), sy = make(y, height - bottom, top), parts = [];
  const marks = (axis, room) => axis.ticks || (axis.log ? LJ.logTicks(axis.low, axis.high, room) : LJ.ticks(axis.low, axis.high, Math.max(2, Math.floor(room / 75))));
  let last = -Infinity;
  for (const t of marks(x, width - left - right)) {
    parts.push(S("line", { class: "grid", x1: sx(t), x2: sx(t), y1: top, y2: height - bottom }));
    const text = LJ.text(t, x.unit), half = text.length * 3.3;
    const at = Math.min(sx(t), width - half); // the last one may stand at the edge of the picture
    if (at - half > last) { parts.push(write(at, height - bottom + 15, text, { class: "quiet small", "text-anchor": "middle" })); last = at + half + 6; }
  }
  for (const t of marks(y, height - top - bottom)) {
    parts.push(S("line", { class: "grid", x1: left, x2: width - right, y1: sy(t), y2: sy(t) }));
    parts.push(write(left - 6, sy(t) + 4, LJ.text(t, y.unit), { class: "quiet small", "text-anchor": "end" }));
  }
  parts.push(S("path", { class: "axis", fill: "none", d: `M${left},${top}V${height - bottom}H${width - right}` }));
  parts.push(write((left + width - right) / 2, height - 6, axisTitle(x, width - left - right), { class: "quiet", "text-anchor": "middle" }));
  parts.push(write(left, top - 1 < 9 ? 9 : top - 3, axisTitle(y, width - left), { class: "quiet", dx: 4 }));
  return { sx, sy, parts, left, right: width - right, top, bottom: height - bottom };
};

LJ.range = (values, log, pad = 0.05) => {
  const usable = values.filter((v) => LJ.isNumber(v) && (!log || v > 0));
  let low = Math.min(...usable), high = Math.max(...usable);
  if (!usable.length) return log ? [1, 10] : [0, 1];
  if (log) { const f = Math.max(1.05, (high / low) ** pad); return [low / f, high * f]; }
  low = Math.min(0, low);
  return [low, high + (high - low || 1) * pad];
};

// lines. series: [{name, x: [], y: [], low: [], high: []}]; now: x of the current question; targets: [{y, name}]
LJ.lines = ({ series, x, y, label, width, height = 300, now, levels = [] }) => {
  const every = series.flatMap((one) => one.y).concat(levels.map((l) => l.y));
  const [xl, xh] = LJ.range(series.flatMap((one) => one.x), x.log, 0), [yl, yh] = LJ.range(every, y.log);
  const top = 20;
  const plane = LJ.plane({ width, height, top, x: { ...x, low: xl, high: xh }, y: { ...y, low: yl, high: yh } });
  const clip = (v) => Math.min(Math.max(v, yl), yh);
  const parts = [...plane.parts];
  series.forEach((one, i) => {
    const c = one.colour ?? i;
    let pen = "";
    const path = one.x.map((v, k) => {
      if (!LJ.isNumber(one.y[k])) { pen = ""; return ""; }
      const step = `${pen ? "L" : "M"}${plane.sx(v).toFixed(1)},${plane.sy(clip(one.y[k])).toFixed(1)}`;
      pen = "on";
      return step;
    }).join("");
    const dash = ["", "6 4", "2 3", "8 3 2 3"][Math.floor(c / LJ.COLOURS) % 4 || one.dash || 0];
    parts.push(S("path", { class: `line ${LJ.colour(c, "line")}`, d: path || "M0,0", "stroke-dasharray": dash || null }));
  });
  for (const l of levels) {
    parts.push(S("line", { class: "target", x1: plane.left, x2: plane.right, y1: plane.sy(l.y), y2: plane.sy(l.y) }));
    parts.push(write(plane.right - 4, plane.sy(l.y) - 5, l.name, { "text-anchor": "end" }));
  }
  if (LJ.isNumber(now) && now >= xl && now <= xh) {
    parts.push(S("line", { class: "now", x1: plane.sx(now), x2: plane.sx(now), y1: plane.top, y2: plane.bottom }));
  }
  return LJ.picture(width, height, label, ...parts);
};

// bars to both sides of zero. rows: [{label, values: [..]}], names: of the values
LJ.tornado = ({ rows, names, label, width }) => {
  const narrow = width < 520, left = narrow ? 4 : Math.min(280, width * 0.36), right = 48;
  const each = 13, height = names.length * each + (narrow ? 26 : 10);
  const most = Math.max(0.05, ...rows.flatMap((r) => r.values.map((v) => (LJ.isNumber(v) ? Math.abs(v) : 0))));
  const x = LJ.linear(-most, most, left + 44, width - right), bottom = 4 + rows.length * height;
  const parts = [-most, 0, most].map((t) => [
    S("line", { class: t ? "grid" : "axis", x1: x(t), x2: x(t), y1: 4, y2: bottom }),
    write(x(t), bottom + 14, `${t > 0 ? "+" : ""}${LJ.digits(t, 2)} %`, { class: "quiet small", "text-anchor": "middle" }),
  ]);
  rows.forEach((r, i) => {
    const y = 4 + i * height;
    parts.push(write(narrow ? 4 : left - 6, narrow ? y + 14 : y + height / 2 + 4, LJ.shorten(r.label, narrow ? width - 8 : left), { "text-anchor": narrow ? "start" : "end" }));
    r.values.forEach((v, k) => {
      if (!LJ.isNumber(v)) return;
      const at = y + (narrow ? 20 : 4) + k * each, a = Math.min(x(0), x(v)), b = Math.max(x(0), x(v));
      parts.push(S("rect", { class: LJ.colour(k), x: a, y: at, width: Math.max(1, b - a), height: each - 2 }));
      parts.push(write(v < 0 ? a - 4 : b + 4, at + 10, LJ.digits(Number(v.toFixed(3)), 2), { class: "small", "text-anchor": v < 0 ? "end" : "start" }));
    });
  });
  return LJ.picture(width, bottom + 22, label, ...parts.flat());
};

// roofline: operators as dots. roofs: [{rate, bandwidth, reached}], dots: [{name, x, y, share, bound}]
LJ.roofline = ({ roofs, dots, label, width, height = 330 }) => {
  const usable = dots.filter((d) => d.x > 0 && d.y > 0);
  const ridge = roofs[0].rate / roofs[0].bandwidth;
  const xl = Math.min(ridge, ...usable.map((d) => d.x)) / 3, xh = Math.max(ridge, ...usable.map((d) => d.x)) * 5;
  const yh = roofs[0].rate * 2, yl = Math.min(...usable.map((d) => d.y), roofs[0].rate / 100) / 3;
  const plane = LJ.plane({ width, height, top: 20, left: 84, x: { low: xl, high: xh, log: true, unit: "1", title: "FLOP per byte" }, y: { low: yl, high: yh, log: true, unit: "FLOP s-1", title: "FLOP/s" } });
  const parts = [...plane.parts];
  for (const roof of roofs) {
    const corner = roof.rate / roof.bandwidth, start = Math.max(xl, yl / roof.bandwidth);
    const points = [[start, start * roof.bandwidth], [Math.max(start, Math.min(corner, xh)), Math.min(roof.rate, xh * roof.bandwidth)], [xh, Math.min(roof.rate, xh * roof.bandwidth)]];
    parts.push(S("path", { class: `roof${roof.reached ? " reached" : ""}`, d: `M${points.map(([a, b]) => `${plane.sx(a).toFixed(1)},${plane.sy(b).toFixed(1)}`).join("L")}` }));
  }
  const named = [], labels = LJ.labels(plane, 2 * MOST_HIDDEN); // operators are what the picture is about
  for (const roof of roofs) {
    const x = [xl, roof.rate / roof.bandwidth, xh].map((v) => Math.max(v, yl / roof.bandwidth));
    labels.line(x.map((v) => [plane.sx(v), plane.sy(Math.min(roof.rate, v * roof.bandwidth))]));
  }
  for (const d of usable.slice().sort((a, b) => b.share - a.share)) {
    const cx = plane.sx(d.x), cy = plane.sy(d.y), r = 3.5 + 15 * Math.sqrt(Math.max(0, d.share));
    parts.push(S("circle", { class: `fill-${d.bound} ghost`, cx, cy, r }, S("title", {}, `${d.name}: ${LJ.digits(100 * d.share, 3)} % of the time, bound by ${d.bound}`)));
    parts.push(S("circle", { class: `fill-${d.bound}`, cx, cy, r: 3 }));
    labels.dot(cx, cy, Math.min(r, 8), 2);
    if (d.share < 0.01) continue;
    // dots on one place have one text
    const near = named.find((one) => Math.hypot(one.cx - cx, one.cy - cy) < 17);
    if (near) near.names.push(d.name);
    else named.push({ names: [d.name], cx, cy, r: Math.min(r, 8) });
  }
  for (const { names, cx, cy, r } of named) {
    const text = (most) => `${names.slice(0, most).join(", ")}${names.length > most ? ` and ${names.length - most} more` : ""}`;
    parts.push(...labels.place(cx, cy, r, [...new Set([3, 2, 1].map(text))]));
  }
  return LJ.picture(width, height, label, ...parts);
};
