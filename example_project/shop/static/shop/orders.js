"use strict";

// The cancel buttons of the orders page: confirm, ask the REST API, wait for the result, tell it.
(() => {
  const { signIn } = document.currentScript.dataset;
  const sentences = JSON.parse(document.getElementById("sentences").textContent);
  const csrfToken = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const dialog = document.querySelector("dialog");
  const PATIENCE = 60; // seconds in which the buyer is kept informed before "we show it here"

  const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  class Refused extends Error {}

  async function call(address, method) {
    const response = await fetch(address, {
      method,
      headers: { Accept: "application/json", "X-CSRFToken": csrfToken },
      credentials: "same-origin",
    });
    const type = response.headers.get("Content-Type") || "";
    const answer = type.includes("json") ? await response.json() : {};
    if (answer.code === "not_authenticated") await signInAgain();
    // What the API says of a conflict or of haste is for anybody; the rest is for the shop's staff.
    const message = [409, 429].includes(response.status) && answer.message;
    if (!response.ok) throw new Refused(message || sentences.refused);
    return {
      answer,
      address: response.headers.get("Location") || address, // where to ask again
      pause: Number(response.headers.get("Retry-After")) || 2,
    };
  }

  async function signInAgain() {
    location.assign(`${signIn}?next=${encodeURIComponent(location.pathname)}`);
    await new Promise(() => {}); // the browser is leaving
  }

  function confirmed(number) {
    dialog.querySelector("[data-number]").textContent = number;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((answer) => {
      dialog.addEventListener("close", () => answer(dialog.returnValue === "confirm"), {
        once: true,
      });
    });
  }

  async function follow(row, first) {
    const giveUp = Date.now() + PATIENCE * 1000;
    let { answer, address, pause } = first;
    while (answer.status === "PENDING") {
      if (Date.now() + pause * 1000 > giveUp) return tell(row, sentences.later);
      tell(row, sentences.waiting);
      await sleep(pause);
      ({ answer, address, pause } = await call(address, "GET"));
    }
    if (["SUCCEEDED", "REFUNDED"].includes(answer.status)) {
      row.querySelector("[data-state]").textContent = sentences.cancelled;
      row.querySelector("[data-cancel]")?.remove();
    }
    tell(row, answer.message); // a sentence for buyers, since who asks is one
    if (answer.status === "REJECTED" && answer.next_step !== "REFUND") offer(row);
  }

  function tell(row, sentence) {
    const place = row.querySelector("[role=status]");
    // Said once: a screen reader would read the same sentence at each poll.
    if (place.textContent !== sentence) place.textContent = sentence;
  }

  function offer(row) {
    const button = row.querySelector("[data-cancel]");
    if (button) button.hidden = false;
  }

  async function following(row, start) {
    try {
      await follow(row, await start());
    } catch (error) {
      if (error instanceof Refused) offer(row);
      tell(row, error instanceof Refused ? error.message : sentences.connection);
    }
  }

  async function cancel(row) {
    if (!(await confirmed(row.dataset.order))) return;
    tell(row, sentences.sending);
    row.querySelector("[role=status]").focus(); // the button that had it goes away
    row.querySelector("[data-cancel]").hidden = true;
    await following(row, () => call(row.dataset.cancellations, "POST"));
  }

  for (const row of document.querySelectorAll("[data-order]")) {
    const { cancellation } = row.dataset;
    if (cancellation) following(row, () => call(cancellation, "GET"));
    const button = row.querySelector("[data-cancel]");
    if (!button) continue;
    button.hidden = false;
    button.addEventListener("click", () => cancel(row));
  }
})();
