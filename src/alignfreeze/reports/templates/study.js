"use strict";
// Shows one page at a time, after the address, and draws its charts when it is first seen.
const charts = JSON.parse(document.getElementById("charts").textContent);
const pages = [...document.querySelectorAll(".page")];
const menus = [...document.querySelectorAll("nav details")];
const addresses = new Set(pages.map((page) => page.id));

function resolve(variable) {
  // Only an element that uses light-dark() resolves it to a colour.
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function open(address) {
  if (addresses.has(address)) location.hash = address;
}

// --- charts

let plotly; // a promise: the library is unpacked when the first chart comes into view

function loadPlotly() {
  plotly ??= (async () => {
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (sign) => sign.charCodeAt(0));
    const script = document.createElement("script");
    script.textContent = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    document.head.append(script);
  })();
  return plotly;
}

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    loadPlotly().then(() => {
      target.dataset.drawn = "yes";
      drawChart(target);
    });
  }
}, { rootMargin: "400px" });

function themed(layout) {
  const ink = resolve("--ink"), line = resolve("--line");
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
  const copy = { ...layout, font: { ...layout.font, color: ink, family: "system-ui, sans-serif" } };
  for (const name of Object.keys(copy).filter((key) => /^[xy]axis/.test(key))) copy[name] = { ...copy[name], ...axis };
  copy.shapes = (copy.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: ink } }));
  return copy;
}

function drawChart(figure) {
  const chart = charts[figure.dataset.chart];
  const plot = figure.querySelector(".plot");
  // Plotly changes the objects that it is given.
  const { data, layout } = structuredClone(chart.figure);
  Plotly.react(plot, data, themed(layout), { responsive: true, displayModeBar: false });
  choose(figure);
  plot.removeAllListeners("plotly_click");
  plot.on("plotly_click", (event) => open(event.points[0].customdata));
}

function choose(figure) {
  const select = figure.querySelector(".choice");
  if (!select) return;
  const { restyle, relayout } = charts[figure.dataset.chart].choices[select.value];
  Plotly.update(figure.querySelector(".plot"), restyle, relayout);
}

// --- drawings

function chooseDrawing(figure) {
  const wanted = figure.querySelector(".choice").value;
  for (const one of figure.querySelectorAll("[data-choice]")) one.hidden = one.dataset.choice !== wanted;
  reach(figure);
}

// Pictures are for papers: each colour of the theme is replaced by the colour that stands behind its name.
function keepDrawing(figure) {
  const text = figure.querySelector("[data-choice]:not([hidden]) svg").outerHTML.replaceAll(/var\(--[a-z]+, (#[0-9a-f]{6})\)/g, "$1");
  keepText(figure, text, "image/svg+xml", "svg");
}

// --- pages

function show() {
  let wanted = "study";
  try {
    wanted = decodeURIComponent(location.hash.slice(1)) || wanted;
  } catch {
    // The address is unknown: show the page of the study.
  }
  const page = pages.find((one) => one.id === wanted) || pages[0];
  const before = pages.find((one) => !one.hidden);
  for (const one of pages) one.hidden = one !== page;
  for (const figure of page.querySelectorAll(".chart")) if (!figure.dataset.drawn) seen.observe(figure);
  const heading = page.querySelector("h1");
  document.title = heading.textContent;
  for (const menu of menus) menu.open = false;
  reach(page);
  scrollTo(0, 0);
  // Screen readers announce the new page.
  if (before !== page && location.hash) heading.focus({ preventScroll: true });
}

// What scrolls inside itself is reached by the keyboard, and nothing else is.
function reach(page) {
  for (const one of page.querySelectorAll(".scroll")) {
    if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
    else one.removeAttribute("tabindex");
  }
}

function save(href, name) {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}

// Pictures are for papers, so they are dark on white in every theme.
function keep(figure, format) {
  const plot = figure.querySelector(".plot");
  const layout = { ...plot.layout, paper_bgcolor: "#fff", plot_bgcolor: "#fff", font: { ...plot.layout.font, color: "#1b1b1b" } };
  Plotly.downloadImage({ data: plot.data, layout, config: {} },
    { format, filename: nameOf(figure), scale: 2, width: plot.clientWidth, height: plot.clientHeight });
}

function csv(figure) {
  const rows = [...figure.querySelectorAll("details table tr")].map((row) =>
    [...row.cells].map((cell) => `"${cell.textContent.trim().replaceAll('"', '""')}"`).join(","));
  keepText(figure, rows.join("\r\n") + "\r\n", "text/csv", "csv");
}

function keepText(figure, text, type, ending) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  save(address, `${nameOf(figure)}.${ending}`);
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function nameOf(figure) {
  return (figure.dataset.chart || figure.dataset.name).split("/").pop();
}

for (const figure of document.querySelectorAll("figure")) {
  figure.querySelector(".choice")?.addEventListener("change", () => (figure.dataset.chart ? choose(figure) : chooseDrawing(figure)));
  figure.querySelector(".csv").addEventListener("click", () => csv(figure));
}
for (const button of document.querySelectorAll(".save")) {
  const figure = button.closest("figure");
  button.addEventListener("click", () => keep(figure, button.dataset.form));
}
for (const button of document.querySelectorAll(".keep")) {
  button.addEventListener("click", () => keepDrawing(button.closest("figure")));
}

function redraw() {
  for (const figure of document.querySelectorAll("figure[data-drawn]")) {
    if (figure.closest(".page:not([hidden])")) drawChart(figure);
    else delete figure.dataset.drawn; // it is drawn when it is seen again
  }
}

for (const fold of document.querySelectorAll("main details")) {
  fold.addEventListener("toggle", () => reach(fold));
}
addEventListener("resize", () => reach(pages.find((one) => !one.hidden)));
addEventListener("keydown", (event) => {
  const opened = event.key === "Escape" && menus.find((menu) => menu.open);
  if (!opened) return;
  opened.open = false;
  opened.querySelector("summary").focus();
});
addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});

const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  root.dataset.theme = dark ? "light" : "dark";
  redraw();
});
system.addEventListener("change", redraw);
let before;
addEventListener("beforeprint", () => { before = root.dataset.theme; root.dataset.theme = "light"; redraw(); });
addEventListener("afterprint", () => { if (before) root.dataset.theme = before; else delete root.dataset.theme; redraw(); });
addEventListener("hashchange", show);
show();
