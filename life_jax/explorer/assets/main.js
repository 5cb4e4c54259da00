"use strict";
// Starts the page: menus, the question of the address, navigation, colours.
const dark = window.matchMedia ? window.matchMedia("(prefers-color-scheme: dark)") : { matches: false, addEventListener() {} };
let colours = "system";
const paint = () => {
  document.documentElement.dataset.theme = colours === "system" ? (dark.matches ? "dark" : "light") : colours;
  LJ.byId("theme").textContent = `Colours: ${colours}`;
};
LJ.byId("theme").addEventListener("click", () => {
  colours = { system: "dark", dark: "light", light: "system" }[colours];
  try { localStorage.setItem("life_jax colours", colours); } catch { /* a page in a frame keeps nothing */ }
  paint();
});
try { colours = localStorage.getItem("life_jax colours") || "system"; } catch { /* likewise */ }
if (!["system", "dark", "light"].includes(colours)) colours = "system";
dark.addEventListener("change", paint);
paint();
LJ.byId("skip").addEventListener("click", () => LJ.byId("main").focus());
LJ.byId("controls").addEventListener("submit", (event) => event.preventDefault());

LJ.go = (view, changes = {}) => {
  Object.assign(LJ.state, changes);
  LJ.state.view = view;
  LJ.build();
  LJ.byId("main").focus();
};
LJ.build = () => {
  const view = LJ.VIEWS[LJ.state.view];
  document.title = `${view.title} - life_jax`;
  LJ.byId("heading").textContent = view.title;
  LJ.byId("lead").textContent = (LJ.snapshot && view.carried) || view.lead;
  LJ.fault(null);
  LJ.byId("same").replaceChildren();
  for (const link of LJ.byId("views").children) {
    if (link.dataset.view === LJ.state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  LJ.drawSliders = LJ.hand = null;
  LJ.byId("controls").replaceChildren(...view.controls());
  LJ.byId("view").replaceChildren(...view.build());
  LJ.update();
};
LJ.restore = () => {
  LJ.state = LJ.fromHash(location.hash, LJ.menus.initial);
  LJ.build();
};

(async () => {
  const carried = LJ.byId("snapshot");
  if (carried) {
    LJ.snapshot = JSON.parse(carried.textContent);
    LJ.menus = LJ.snapshot.menus;
    LJ.byId("about").textContent = LJ.snapshot.title;
  } else {
    try { LJ.menus = await LJ.fetch("menus"); } catch (error) { LJ.fault(error); return; }
  }
  const known = Object.entries(LJ.VIEWS).filter(([key]) => !LJ.snapshot || LJ.snapshot.views.includes(key));
  LJ.byId("views").append(...known.map(([key, view]) =>
    LJ.h("a", { href: `#view=${key}`, "data-view": key, title: view.title, onclick: (event) => { event.preventDefault(); LJ.go(key); } }, view.name)));
  LJ.restore();
})();
