"use strict";
// What every part of the page uses: elements, numbers as text, files to save. All texts become text nodes, never markup.
const LJ = {};

LJ.put = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
};
LJ.h = (tag, attributes, ...children) => LJ.put(document.createElement(tag), attributes, children);
LJ.s = (tag, attributes, ...children) =>
  LJ.put(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
LJ.byId = (id) => document.getElementById(id);

// ---- numbers as text
LJ.isNumber = (x) => typeof x === "number" && Number.isFinite(x);
LJ.digits = (x, n = 3) => {
  if (!LJ.isNumber(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e7 || size < 1e-3) return x.toExponential(Math.max(0, n - 1)).replace("e+", "e");
  if (size >= 10 ** n) return String(Math.round(x));
  return String(Number(x.toPrecision(n)));
};
const PREFIXES = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];
const WITH_PREFIX = { s: "s", byte: "B", FLOP: "FLOP", "FLOP s-1": "FLOP/s", "byte s-1": "B/s", J: "J" };
const UNITS = {
  "token s-1": "tok/s", "J token-1": "J/tok", "1": "", token: "tok", "s-1": "/s", USD: "USD", W: "W",
  "GB s-1": "GB/s", "TFLOP s-1": "TFLOP/s",
};
LJ.unit = (unit) => UNITS[unit] ?? unit;
LJ.text = (x, unit = "1", n = 3) => {
  if (!LJ.isNumber(x)) return "–";
  if (unit in WITH_PREFIX && x !== 0) {
    const size = Math.abs(x);
    const usable = unit === "s" ? PREFIXES.filter(([f]) => f <= 1) : PREFIXES;
    const [factor, prefix] = usable.find(([f]) => size >= f * 0.9995) || usable[usable.length - 1];
    return `${LJ.digits(x / factor, n)} ${prefix}${WITH_PREFIX[unit]}`;
  }
  const name = WITH_PREFIX[unit] ?? LJ.unit(unit);
  return name === "/s" ? `${LJ.digits(x, n)}/s` : `${LJ.digits(x, n)}${name ? ` ${name}` : ""}`;
};
LJ.sentence = (text) => text.replace(/^./, (first) => first.toUpperCase());
LJ.percent = (part, n = 3) => (!LJ.isNumber(part) ? "–" : part > 0 && part < 5e-5 ? "under 0.01 %" : `${LJ.digits(Number((100 * part).toFixed(3)), n)} %`);
// names are broken behind their underscores, not within a word
LJ.breakable = (name) => name.split(/(?<=_)/).flatMap((part, i) => (i ? [LJ.h("wbr"), part] : [part]));
LJ.metric = (name) => LJ.menus.metrics[name] || { unit: "1", name };
LJ.ofMetric = (name, x) => LJ.text(x, LJ.metric(name).unit);
const SHORT = {
  ttft: "TTFT", tpot: "TPOT", tps: "tokens/s", e2e: "whole request", throughput: "throughput", memory: "memory",
  cost_per_mtoken: "USD per million tokens", energy_per_token: "energy per token", price: "price", quality: "quality kept",
};
LJ.short = (metric) => SHORT[metric] || metric.replaceAll("_", " ");

// ---- files to save and texts to copy
LJ.save = (name, blob) => {
  const address = URL.createObjectURL(blob);
  const link = LJ.h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};
const cell = (x) => {
  const text = x === null || x === undefined || Number.isNaN(x) ? "" : String(x);
  const guarded = typeof x === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; // a sheet would compute it
  return /[",\n\r]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
};
LJ.csv = (table) => [table.head, ...table.rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
LJ.saveCsv = (name, table) => LJ.save(`${name}.csv`, new Blob([LJ.csv(table)], { type: "text/csv;charset=utf-8" }));

const STYLED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "paint-order", "font", "text-anchor", "opacity"];
LJ.savePng = (name, picture) => {
  const box = picture.getBoundingClientRect();
  const copy = picture.cloneNode(true);
  const from = picture.querySelectorAll("*"), to = copy.querySelectorAll("*");
  from.forEach((element, i) => {
    const style = getComputedStyle(element);
    for (const key of STYLED) to[i].style.setProperty(key, style.getPropertyValue(key));
  });
  const paper = getComputedStyle(document.body).backgroundColor;
  copy.prepend(LJ.s("rect", { width: "100%", height: "100%", fill: paper }));
  const width = box.width || Number(picture.getAttribute("width")), height = box.height || Number(picture.getAttribute("height"));
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const image = new Image();
  return new Promise((done) => {
    image.onload = () => {
      const canvas = LJ.h("canvas", { width: Math.round(2 * width), height: Math.round(2 * height) });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => { LJ.save(`${name}.png`, blob); done(blob); }, "image/png");
    };
    image.onerror = () => { LJ.say("this browser could not draw the picture"); done(null); };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  });
};
LJ.copy = async (text, what) => {
  try {
    await navigator.clipboard.writeText(text);
    LJ.say(`${what} copied`);
  } catch {
    LJ.say(`${what} could not be copied; please select it`);
  }
};
LJ.say = (text) => { LJ.byId("status").textContent = text; };

// ---- a table behind every picture
const isWords = (x) => typeof x === "string" && !/^[\d.–-]/.test(x); // a number with its unit stands at the right, as numbers do
LJ.isWords = isWords;
LJ.table = (table, attributes = {}) =>
  LJ.h("table", attributes,
    table.caption ? LJ.h("caption", {}, table.caption) : null,
    LJ.h("thead", {}, LJ.h("tr", {}, table.head.map((name, i) => LJ.h("th", { scope: "col", class: isWords(table.rows[0]?.[i]) ? "text" : null }, name)))),
    LJ.h("tbody", {}, table.rows.map((row) =>
      LJ.h("tr", {}, row.map((x, i) => {
        const text = typeof x === "number" ? LJ.digits(x, 4) : x === null || x === undefined ? "–" : String(x);
        return i === 0 ? LJ.h("th", { scope: "row" }, text) : LJ.h("td", { class: isWords(x) ? "text" : null }, text);
      })))));

// figure: title, draw(width) -> svg, table, note, tools; it draws itself anew when its width changes
LJ.figure = ({ title, name }) => {
  const holder = LJ.h("div", { class: "picture" });
  const behind = LJ.h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: table` });
  const details = LJ.h("details", { class: "data" }, LJ.h("summary", {}, "Table"), behind);
  const note = LJ.h("figcaption", {});
  const heading = LJ.h("h3", {}, title);
  const figure = LJ.h("figure", {},
    LJ.h("div", { class: "head" }, heading,
      LJ.h("button", { type: "button", class: "small", "aria-label": `CSV of ${title}`, onclick: () => LJ.saveCsv(name, figure.content.table) }, "CSV"),
      LJ.h("button", { type: "button", class: "small", "aria-label": `PNG of ${title}`, onclick: () => figure.png() }, "PNG")),
    holder, note, details);
  figure.png = () => { draw(); return LJ.savePng(name, holder.querySelector("svg")); };
  const tabulate = () => { if (details.open && figure.content) behind.replaceChildren(LJ.table(figure.content.table)); };
  details.addEventListener("toggle", tabulate);
  const draw = () => {
    if (!figure.content) return;
    // the width is asked for once: asking after each change of the page would lay it out each time
    figure.known ||= holder.clientWidth || figure.clientWidth;
    const width = Math.max(260, Math.floor(figure.known || 640));
    const active = document.activeElement, key = holder.contains(active) ? active.getAttribute("data-key") : null;
    holder.replaceChildren(figure.content.draw(width));
    if (key) for (const again of holder.querySelectorAll("[data-key]")) if (again.getAttribute("data-key") === key) again.focus();
  };
  // a picture beyond the window is drawn when the hand rests
  let away = false, later = 0;
  const drawSoon = () => {
    if (!away) { draw(); return; }
    if (!later) LJ.following += 1;
    clearTimeout(later);
    later = setTimeout(drawLate, 200);
  };
  const drawLate = () => {
    if (!later) return;
    clearTimeout(later);
    later = 0;
    LJ.following -= 1;
    draw();
  };
  if (typeof IntersectionObserver === "function") {
    new IntersectionObserver((entries) => {
      away = !entries[entries.length - 1].isIntersecting;
      if (!away) drawLate();
    }, { rootMargin: "100px" }).observe(holder);
  }
  figure.show = (content) => {
    figure.content = content;
    if (content.title) heading.textContent = content.title;
    note.textContent = content.note || "";
    drawSoon();
    tabulate();
  };
  if (typeof ResizeObserver === "function") {
    new ResizeObserver(([entry]) => {
      const width = entry.contentRect.width;
      if (width < 260 || Math.abs(width - (figure.known || 0)) <= 8) return;
      figure.known = width;
      draw();
    }).observe(holder);
  }
  return figure;
};
