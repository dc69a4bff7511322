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

  const source = new EventSource("/flow?after=" + encodeURIComponent(flow.dataset.last));
  source.addEventListener("open", () => { connection.textContent = "Live"; });
  source.addEventListener("error", () => {
    connection.textContent = source.readyState === EventSource.CLOSED
      ? "Not live: the console is gone, or your login is over. Load the page again."
      : "Not live: connecting again …";
  });
  source.addEventListener("row", (e) => {
    if (!paused) return show(e.data);
    held.push(e.data);
    if (held.length > most) held.shift();
    label();
  });
  source.addEventListener("skipped", (e) => {
    connection.textContent = "Live; " + e.data + " lines came too fast to show";
  });
  source.addEventListener("figures", (e) => {
    if (paused || figures.contains(document.activeElement)) return;
    const open = [...figures.querySelectorAll("details[open]")].map((d) => d.id);
    figures.innerHTML = e.data;
    for (const id of open) document.getElementById(id).open = true;
  });

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
