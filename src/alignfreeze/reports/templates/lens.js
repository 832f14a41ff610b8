"use strict";
// Reloads the page when the study has changed, at the same place, but never while somebody writes a note.
{
  const built = document.currentScript.dataset.state;
  const kept = JSON.parse(sessionStorage.getItem("lens") || "null");
  const forms = [...document.querySelectorAll(".noting form")];
  sessionStorage.removeItem("lens");
  // Charts use the colours of the theme, so the theme is set before charts are drawn.
  if (kept?.theme) document.documentElement.dataset.theme = kept.theme;

  function reload() {
    sessionStorage.setItem("lens", JSON.stringify({ scroll: scrollY, theme: document.documentElement.dataset.theme }));
    location.reload();
  }

  function isWriting() {
    return forms.some((form) => form.contains(document.activeElement) || form.elements.text.value.trim());
  }

  async function check() {
    try {
      const answer = await fetch("/state", { cache: "no-store" });
      if (answer.ok && (await answer.json()).state !== built && !isWriting()) return reload();
    } catch {
      // Without an answer from the server, the page stays unchanged.
    }
    setTimeout(check, 3000);
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
        if (!isWriting()) return reload();
        said.textContent = "The note is kept.";
      } else said.textContent = await answer.text();
    } catch {
      said.textContent = "The note is not kept: the lens does not answer. Is the lens still running?";
    }
    button.disabled = false;
  }

  for (const form of forms) form.addEventListener("submit", send);
  addEventListener("load", () => {
    if (kept) scrollTo(0, kept.scroll);
    setTimeout(check, 3000);
  });
}
