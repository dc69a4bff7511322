// The live page: rows and figures come as the server wrote them, escaped. Without
// this script the page shows the same, as of its loading.
"use strict";
(() => {
  const flow = document.getElementById("flow");
  const figures = document.getElementById("figures");
  const pause = document.getElementById("pause");
  const connection = document.getElementById("connection");
  const said = document.getElementById("said");
  if (!flow || !window.EventSource) return;

  const most = 100; // rows
  let held = []; // while paused
  let paused = false;
  let fresh = 0; // rows since the last announcement

  const show = (html) => {
    flow.insertAdjacentHTML("afterbegin", html);
    flow.firstElementChild.classList.add("fresh");
    while (flow.rows.length > most) flow.deleteRow(-1);
    fresh++;
  };
  const label = () => {
    pause.textContent = paused ? "Resume" + (held.length ? " (" + held.length + " new)" : "") : "Pause";
  };

  let last = flow.dataset.last; // id of the newest row
  let source;
  const handlers = {
    open: () => { connection.textContent = "Live"; },
    error: () => {
      connection.textContent = source.readyState === EventSource.CLOSED
        ? "Not live: the console is gone, your login is over, or too many pages are live. Load the page again."
        : "Not live: connecting again …";
    },
    connection: (e) => { connection.textContent = e.data; },
    row: (e) => {
      last = e.lastEventId || last;
      if (!paused) return show(e.data);
      held.push(e.data);
      if (held.length > most) held.shift();
      label();
    },
    skipped: (e) => { connection.textContent = "Live; " + e.data + " lines came too fast to show"; },
    figures: (e) => {
      if (paused) return;
      const open = [...figures.querySelectorAll("details[open]")].map((d) => d.id);
      const at = figures.contains(document.activeElement) ? document.activeElement.closest("details")?.id : null;
      figures.innerHTML = e.data;
      for (const id of open) document.getElementById(id).open = true;
      if (at) document.getElementById(at).querySelector("summary").focus({ preventScroll: true });
    },
  };
  // A browser has six connections to a host: one that nobody sees gives its own back.
  const follow = () => {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource("/flow?after=" + encodeURIComponent(last));
    for (const [name, handle] of Object.entries(handlers)) source.addEventListener(name, handle);
  };
  document.addEventListener("visibilitychange", follow);
  follow();

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) {
      held.forEach(show);
      held = [];
    }
    label();
  });

  // A screen reader hears the newest line, and how many there were, not each.
  setInterval(() => {
    if (!fresh || paused) return;
    const cells = [...flow.rows[0].cells].slice(1).map((c) => c.textContent.trim()).filter(Boolean);
    said.textContent = fresh + " new, the last: " + cells.join(", ");
    fresh = 0;
  }, 10000);
})();
