"use strict";
// Shows the study anew when it has changed, at the same place, and never while a note is being written.
{
  const built = document.currentScript.dataset.state;
  const kept = JSON.parse(sessionStorage.getItem("lens") || "null");
  const forms = [...document.querySelectorAll(".noting form")];
  sessionStorage.removeItem("lens");
  // Before the charts are drawn, in its colours.
  if (kept?.theme) document.documentElement.dataset.theme = kept.theme;

  function anew() {
    sessionStorage.setItem("lens", JSON.stringify({ scroll: scrollY, theme: document.documentElement.dataset.theme }));
    location.reload();
  }

  function writing() {
    return forms.some((form) => form.contains(document.activeElement) || form.elements.text.value.trim());
  }

  async function look() {
    try {
      const answer = await fetch("/state", { cache: "no-store" });
      if (answer.ok && (await answer.json()).state !== built && !writing()) return anew();
    } catch {
      // The server has ended, or will answer again: the page stays as it is.
    }
    setTimeout(look, 3000);
  }

  async function send(event) {
    event.preventDefault();
    const form = event.target, button = form.querySelector("button"), said = form.querySelector("[role=alert]");
    button.disabled = true;
    said.textContent = "";
    try {
      const body = JSON.stringify(Object.fromEntries(new FormData(form)));
      const answer = await fetch("/notes", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (answer.status === 201) {
        form.reset();
        document.activeElement?.blur();
        if (!writing()) return anew();
        said.textContent = "The note is kept.";
      } else said.textContent = await answer.text();
    } catch {
      said.textContent = "The lens does not answer: is it still running? The note is not kept.";
    }
    button.disabled = false;
  }

  for (const form of forms) form.addEventListener("submit", send);
  addEventListener("load", () => {
    if (kept) scrollTo(0, kept.scroll);
    setTimeout(look, 3000);
  });
}
