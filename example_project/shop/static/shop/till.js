"use strict";

// One sale at the till: what is known is read each second, and the page shown anew once it is over.
(() => {
  const section = document.querySelector("[data-state-of]");
  const phone = document.querySelector("[data-phone]");
  const offline = document.querySelector("[data-offline]");

  async function look() {
    const response = await fetch(section.dataset.stateOf, { credentials: "same-origin" });
    if (!response.ok) return true; // the next look may work
    const state = await response.json();
    const place = section.querySelector("[role=status]");
    // Said once: a screen reader would read the same sentence at each look.
    if (place.textContent !== state.sentence) place.textContent = state.sentence;
    section.querySelector("[data-seconds]").textContent = state.seconds;
    if (state.over) location.reload();
    return !state.over;
  }

  async function watch() {
    try {
      if (!(await look())) return;
    } catch {
      // The till's own network broke: what is known is still right, and older.
    }
    setTimeout(watch, 1000);
  }

  if (offline) {
    offline.hidden = false;
    offline.addEventListener("click", () => {
      phone.hidden = true;
      document.querySelector("[data-offline-told]").hidden = false;
    });
  }
  if (section.dataset.over === "no") setTimeout(watch, 1000);
})();
