// The live parts of the console. Everything works without this file; it keeps nothing, anywhere.
"use strict";

(() => {
  const body = document.body;
  const minute = 60_000;

  // Progress: an element names an address and is told numbers; words are chosen by the page itself.
  const watch = (element) => {
    const look = async () => {
      let told;
      try {
        const answer = await fetch(element.dataset.watch, { headers: { Accept: "application/json" } });
        if (answer.status === 401) return;
        told = await answer.json();
      } catch {
        setTimeout(look, 5_000);
        return;
      }
      show(element, told);
      if (told.done) {
        if (element.dataset.then) location.replace(element.dataset.then);
        else element.hidden = true;
        return;
      }
      setTimeout(look, 1_000);
    };
    setTimeout(look, 500);
  };

  const show = (element, told) => {
    for (const part of element.querySelectorAll("[data-live]")) {
      const value = told[part.dataset.live];
      if (value === undefined) continue;
      if (part instanceof HTMLProgressElement) {
        part.max = Math.max(1, told.of ?? part.max);
        part.value = value;
      } else if (part.textContent !== String(value)) {
        part.textContent = value;
      }
    }
  };

  document.querySelectorAll("[data-watch]").forEach(watch);

  // Rest: who does nothing for nine minutes is warned, and after ten nothing is left to be read.
  if (!body.dataset.stay) return;
  const rest = document.getElementById("rest");
  const cover = document.getElementById("cover");
  let used = Date.now();
  let told = used;

  const note = () => {
    used = Date.now();
    rest.hidden = true;
    if (used - told < minute) return;
    told = used;
    fetch(body.dataset.stay, { method: "GET" }).then((answer) => {
      if (answer.status === 401 || answer.redirected) hide();
    }, () => {});
  };

  const hide = () => {
    document.querySelectorAll("main, header, .skip").forEach((part) => part.remove());
    rest.hidden = true;
    cover.hidden = false;
    cover.querySelector("a").focus();
  };

  for (const kind of ["keydown", "pointerdown", "scroll", "input"]) {
    addEventListener(kind, note, { passive: true });
  }
  setInterval(() => {
    if (!cover.hidden) return;
    const quiet = Date.now() - used;
    if (quiet >= 10 * minute) hide();
    else rest.hidden = quiet < 9 * minute;
  }, 1_000);

  // Going back to a page after signing out shows nothing of it.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
