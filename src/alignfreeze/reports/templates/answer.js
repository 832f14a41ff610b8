// The figures that answer: which strategies are shown, and how languages are sorted.

function arrange(figure) {
  const wanted = figure.querySelector(".showing")?.value ?? "", order = figure.querySelector(".sorting");
  const list = figure.querySelector("ol"), rows = [...list.children];
  const key = new Map();
  for (const row of rows) {
    const shown = [...row.querySelectorAll(".line")].filter((line) => {
      const name = line.dataset.strategy;
      line.hidden = wanted !== "" && name !== (wanted === "best" ? row.dataset.best : wanted.slice("only ".length));
      return !line.hidden;
    });
    const byGain = order?.selectedOptions[0].textContent === "gain";
    key.set(row, byGain ? -Math.max(...shown.map((line) => line.dataset.gain)) : row.dataset.places.split(" ")[order?.value ?? 0]);
  }
  list.append(...rows.sort((one, other) => key.get(one) - key.get(other)));
  figure.classList.toggle("best", wanted !== "" && rows.length > 8);
}

function linesCsv(figure) {
  const quoted = (values) => values.map((value) => `"${value.trim().replaceAll('"', '""')}"`).join(",");
  const rows = [...figure.querySelectorAll(".line")].map((line) => {
    const [gain, interval] = [line.querySelector(".gain b"), line.querySelector(".gain").lastChild].map((one) => one.textContent);
    return quoted([line.closest(".row").querySelector(".language").textContent, line.dataset.strategy, gain, interval, line.querySelector(".verdict").textContent]);
  });
  return [quoted(["language", "strategy", "gain", "interval", "verdict"]), ...rows].join("\r\n") + "\r\n";
}

function keepAs(text, type, name) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  save(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

for (const figure of document.querySelectorAll(".answer")) {
  for (const select of figure.querySelectorAll("select")) select.addEventListener("change", () => arrange(figure));
  figure.querySelector(".lines-csv").addEventListener("click", () => keepAs(linesCsv(figure), "text/csv", "gains.csv"));
}
for (const button of document.querySelectorAll(".keep-picture")) {
  button.addEventListener("click", () => keepAs(button.closest(".heat").querySelector("svg").outerHTML, "image/svg+xml", "gains.svg"));
}
