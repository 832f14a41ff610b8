"use strict";
// Shows one page at a time, after the address, and draws its charts when it is first seen.
const charts = JSON.parse(document.getElementById("charts").textContent);
const pages = [...document.querySelectorAll(".page")];

function resolved(variable) {
  // light-dark() is worked out by an element that uses it.
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function themed(layout) {
  const ink = resolved("--ink"), line = resolved("--line");
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
  const copy = { ...layout, font: { ...layout.font, color: ink, family: "system-ui, sans-serif" } };
  for (const name of Object.keys(copy).filter((key) => /^[xy]axis/.test(key))) copy[name] = { ...copy[name], ...axis };
  copy.shapes = (copy.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: ink } }));
  return copy;
}

function draw(figure) {
  const chart = charts[figure.dataset.chart];
  const plot = figure.querySelector(".plot");
  Plotly.react(plot, chart.figure.data, themed(chart.figure.layout), { responsive: true, displayModeBar: false });
  sort(figure);
}

function sort(figure) {
  const select = figure.querySelector(".order");
  const chart = charts[figure.dataset.chart];
  if (!select || !chart.orders[select.value]) return;
  Plotly.relayout(figure.querySelector(".plot"), { "yaxis.categoryorder": "array", "yaxis.categoryarray": chart.orders[select.value] });
}

function show() {
  const wanted = decodeURIComponent(location.hash.slice(1)) || "study";
  const page = pages.find((one) => one.id === wanted) || pages[0];
  for (const one of pages) one.hidden = one !== page;
  for (const figure of page.querySelectorAll(".chart")) if (!figure.dataset.drawn) { figure.dataset.drawn = "yes"; draw(figure); }
  document.title = page.querySelector("h1").textContent;
  for (const menu of document.querySelectorAll("nav details")) menu.open = false;
  scrollTo(0, 0);
}

function save(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function csv(figure) {
  const rows = [...figure.querySelectorAll("table tr")].map((row) =>
    [...row.cells].map((cell) => `"${cell.textContent.replaceAll('"', '""')}"`).join(","));
  save(rows.join("\r\n") + "\r\n", `${charts[figure.dataset.chart].name}.csv`, "text/csv");
}

for (const figure of document.querySelectorAll(".chart")) {
  const name = charts[figure.dataset.chart].name;
  figure.querySelector(".order")?.addEventListener("change", () => sort(figure));
  figure.querySelector(".csv").addEventListener("click", () => csv(figure));
  for (const button of figure.querySelectorAll(".save"))
    button.addEventListener("click", () => Plotly.downloadImage(figure.querySelector(".plot"), { format: button.dataset.form, filename: name, scale: 2 }));
}

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  for (const figure of document.querySelectorAll(".chart[data-drawn]")) draw(figure);
});
addEventListener("hashchange", show);
show();
